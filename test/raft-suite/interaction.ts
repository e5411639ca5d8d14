/** Runs the scripts about whole clusters: one environment for a script, one command at a time. */
import { CommandError } from './arguments.ts';
import { isExpectable, suiteCommands } from './commands.ts';
import { Environment } from './environment.ts';
import { ownCommands } from './own-commands.ts';
import { type Command, type Directive, parseCommand } from './script.ts';

export class InteractionScript {
  readonly #environment = new Environment();

  /**
   * Runs a directive and gives what it prints. Lines below a command are commands of their own,
   * but for a configuration change, whose steps they are.
   * @throws CommandError where the script is wrong, and whatever an assertion of the core throws.
   */
  run(directive: Directive): string {
    const { output } = this.#environment;
    output.take();
    const below =
      directive.name === 'propose-conf-change' || directive.input === ''
        ? []
        : directive.input.split('\n').map((line, i) => parseCommand(line, directive.line + i + 1));
    for (const command of [directive, ...below]) {
      const failure = this.#runOne(command, directive.input);
      // What fails is told however low the log level is, and ends a command alone in its block.
      if (failure === undefined) continue;
      if (output.quiet) return failure;
      output.write(failure);
      if (command === directive) break;
    }
    return output.take() || 'ok';
  }

  #runOne(command: Command, input: string): string | undefined {
    const handler = suiteCommands.get(command.name) ?? ownCommands.get(command.name);
    if (handler === undefined) throw new CommandError(`unknown command: ${command.name}`);
    try {
      handler(this.#environment, command, input);
      return undefined;
    } catch (error) {
      if (isExpectable(error)) return error.message;
      throw error;
    }
  }
}
