package dev.serval.command;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * A command that was run to its end in this process, as if its streams were pipes.
 *
 * @param exit its exit code
 * @param out what it answered
 * @param err what it noted
 */
record CommandRun(int exit, String out, String err) {
  static CommandRun of(String... arguments) {
    return typing("", arguments);
  }

  static CommandRun typing(String input, String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console =
        new Console(
            new BufferedReader(new StringReader(input)), stream(out), stream(err), Set.of());
    int exit = Serval.run(console, arguments);
    return new CommandRun(
        exit, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private static PrintStream stream(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }
}
