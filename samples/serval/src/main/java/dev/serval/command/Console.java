package dev.serval.command;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * Where the command reads and writes: the process's own streams, or those of a test.
 *
 * @param in what the user types or pipes in
 * @param out answers
 * @param err notices, progress and errors
 * @param terminals which of {@code in}, {@code out} and {@code err} are a terminal
 */
record Console(BufferedReader in, PrintStream out, PrintStream err, Set<String> terminals) {
  /**
   * The process's own streams, in UTF-8.
   *
   * @param terminals which of them are a terminal, separated by blanks
   */
  static Console ofProcess(String terminals) {
    return new Console(
        new BufferedReader(
            new InputStreamReader(new FileInputStream(FileDescriptor.in), StandardCharsets.UTF_8)),
        stream(FileDescriptor.out),
        stream(FileDescriptor.err),
        Set.of(terminals.strip().split(" +")));
  }

  private static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  boolean typedIn() {
    return terminals.contains("in");
  }

  boolean showsProgress() {
    return terminals.contains("err");
  }
}
