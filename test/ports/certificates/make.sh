#!/bin/sh
# Makes the certificates of the TLS tests anew. They are committed, valid for a hundred years, and
# good for nothing else. Needs openssl 3.
set -eu
cd "$(dirname "$0")"
rm -f *.pem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

authority() { # name
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
  openssl req -new -key "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr" \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  mkdir -p "$work/$1"; : > "$work/$1/index.txt"; echo 01 > "$work/$1/serial"; echo 01 > "$work/$1/crl"
  cat > "$work/$1.cnf" <<CNF
[ca]
default_ca = this
[this]
database = $work/$1/index.txt
serial = $work/$1/serial
crlnumber = $work/$1/crl
new_certs_dir = $work/$1
certificate = $1.pem
private_key = $work/$1.key
default_md = sha256
default_days = 36500
default_crl_days = 36500
policy = any
copy_extensions = copy
unique_subject = no
default_startdate = 20200101000000Z
[any]
commonName = supplied
CNF
  openssl ca -batch -config "$work/$1.cnf" -selfsign -keyfile "$work/$1.key" -notext \
    -in "$work/$1.csr" -out "$1.pem"
}

list() { # file
  openssl ca -config "$work/authority.cnf" -gencrl -out "$1" \
    -crl_lastupdate 20200101000000Z -crl_nextupdate 21200101000000Z
}

issue() { # authority name subjectAltName usage [more of openssl ca]
  issuer=$1 name=$2 names=$3 usage=$4
  shift 4
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$name-key.pem"
  openssl req -new -key "$name-key.pem" -subj "/CN=$name" -out "$work/$name.csr" \
    -addext "subjectAltName=$names" -addext "extendedKeyUsage=$usage"
  openssl ca -batch -config "$work/$issuer.cnf" -in "$work/$name.csr" -notext -out "$name.pem" "$@"
}

authority authority
authority stranger
local='DNS:localhost,DNS:a.example,IP:127.0.0.1'
issue authority server "$local" serverAuth,clientAuth
issue authority renewed "$local" serverAuth,clientAuth
issue authority client 'DNS:client.example,IP:10.1.2.3' clientAuth
issue authority elsewhere 'DNS:elsewhere.example' serverAuth,clientAuth
issue authority revoked "$local" serverAuth,clientAuth
issue authority expired "$local" serverAuth,clientAuth -startdate 200101000000Z -enddate 210101000000Z
issue stranger foreign "$local" serverAuth,clientAuth
list revoked-none.pem
openssl ca -config "$work/authority.cnf" -revoke revoked.pem
list revoked-list.pem
