export const snapshotDirectory = 'snapshots';
