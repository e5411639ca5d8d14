/**
 * Runs the scripts about membership changes: `simple`, `enter-joint` and `leave-joint`.
 *
 * A script builds up one membership from nothing. Each command, refused or not, lets the log grow by
 * one entry: where a member's `next` begins tells in which command it was met.
 */

import { QuorateError } from '../../src/base/errors.ts';
import {
  type ChangeContext,
  enterJoint,
  leaveJoint,
  type Membership,
  simpleChange,
} from '../../src/raft/change.ts';
import { emptyConfiguration } from '../../src/raft/configuration.ts';
import type { Progress } from '../../src/raft/progress.ts';
import type { MemberProgress } from '../../src/raft/status.ts';
import { CommandError, optionOf, truth } from './arguments.ts';
import { NotationError, parseSteps } from './change-notation.ts';
import { formatConfiguration, formatProgress } from './describe-membership.ts';
import type { Directive } from './script.ts';

export class MembershipScript {
  #membership: Membership = { configuration: emptyConfiguration, progress: new Map() };
  #lastIndex = 0;

  run(directive: Directive): string {
    try {
      this.#membership = this.#changed(directive);
      return this.#describe();
    } catch (error) {
      if (error instanceof QuorateError || error instanceof NotationError) {
        return `${error.message}\n`;
      }
      throw error;
    } finally {
      this.#lastIndex++;
    }
  }

  #changed(directive: Directive): Membership {
    const steps = parseSteps(directive.input);
    const context: ChangeContext = {
      lastIndex: this.#lastIndex,
      inflightMessagesMax: 10,
      inflightBytesMax: Number.MAX_SAFE_INTEGER,
    };
    switch (directive.name) {
      case 'simple':
        return simpleChange(this.#membership, steps, context);
      case 'enter-joint': {
        const autoLeave = truth(optionOf(directive, 'autoleave') ?? 'false');
        return enterJoint(this.#membership, { autoLeave, steps }, context);
      }
      case 'leave-joint':
        if (steps.length > 0) throw new NotationError('this command takes no input');
        return leaveJoint(this.#membership);
      default:
        throw new CommandError(`unknown command: ${directive.name}`);
    }
  }

  #describe(): string {
    const { configuration, progress } = this.#membership;
    const learners = new Set(configuration.learners);
    const members = [...progress]
      .sort(([a], [b]) => a - b)
      .map(([id, member]) => memberProgress(id, member, learners.has(id)));
    return `${formatConfiguration(configuration)}\n${formatProgress(members)}`;
  }
}

function memberProgress(member: number, progress: Progress, learner: boolean): MemberProgress {
  return {
    member,
    state: progress.state,
    match: progress.match,
    next: progress.next,
    paused: progress.paused,
    active: progress.active,
    learner,
    pendingSnapshot: progress.pendingSnapshot,
    inflightMessages: progress.inflights.messages,
    inflightBytes: progress.inflights.bytes,
    inflightFull: progress.inflights.full,
    suspect: progress.suspect,
  };
}
