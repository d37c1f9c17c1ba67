package dev.serval.command;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code serval serve} in a process of its own, on a free port, as a user starts it. */
final class ServeProcess implements AutoCloseable {
  private static final Path MODULE = Path.of(System.getProperty("basedir", "."));

  /** The folder of the demo model. */
  static final Path DEMO = MODULE.resolve("../demo-model/weights").toAbsolutePath();

  /** Signal 2 in a mask of signals. */
  private static final long INTERRUPT = 0b10;

  private static final Pattern ADDRESS = Pattern.compile("http://\\S+");

  private final Process process;
  private final CompletableFuture<URI> base = new CompletableFuture<>();
  private final CompletableFuture<String> out;
  private final CompletableFuture<String> err;

  private ServeProcess(Process process) {
    this.process = process;
    this.out = follow(process.getInputStream());
    this.err = follow(process.getErrorStream());
  }

  static ServeProcess start(String... options) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("serve", "--port", "0"));
    arguments.addAll(List.of(options));
    return new ServeProcess(launch(arguments));
  }

  /**
   * The command as the launcher starts it, but on the paths of this test: Maven puts modules that
   * nobody requires by name on the class path.
   */
  static Process launch(List<String> arguments) throws IOException {
    List<String> line = new ArrayList<>(interruptible());
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.add("@" + MODULE.resolve("jvm.options"));
    line.add("@" + MODULE.resolve("serve.options"));
    line.add("-Dserval.demo=" + DEMO);
    line.addAll(List.of("--module-path", System.getProperty("jdk.module.path")));
    line.addAll(List.of("--class-path", System.getProperty("java.class.path")));
    line.addAll(List.of("--module", "dev.serval.command/dev.serval.command.Serval"));
    line.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(line);
    builder.environment().put("MALLOC_ARENA_MAX", "2");
    return builder.start();
  }

  /**
   * A shell's background job ignores Ctrl-C and so does all that it starts, the command too: what
   * takes that back, where these tests are such a job.
   */
  private static List<String> interruptible() throws IOException {
    Path status = Path.of("/proc/self/status");
    boolean ignored =
        Files.exists(status)
            && Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                .anyMatch(signals -> (signals & INTERRUPT) != 0);
    return ignored ? List.of("env", "--default-signal=INT") : List.of();
  }

  private CompletableFuture<String> follow(InputStream stream) {
    CompletableFuture<String> whole = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(() -> {
          StringBuilder text = new StringBuilder();
          try (var lines =
              new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            lines.lines().forEach(line -> heard(line, text));
          } catch (IOException | RuntimeException e) {
            text.append(e);
          }
          whole.complete(text.toString());
          base.completeExceptionally(new IOException("serve ended: " + text));
        });
    return whole;
  }

  private void heard(String line, StringBuilder text) {
    text.append(line).append('\n');
    Matcher address = ADDRESS.matcher(line);
    if (address.find()) {
      base.complete(URI.create(address.group()));
    }
  }

  /** Its address, once it serves. */
  URI base() throws Exception {
    return base.get(300, TimeUnit.SECONDS);
  }

  long pid() {
    return process.pid();
  }

  /** Sends a signal, such as {@code INT}. */
  void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, String.valueOf(pid())).start().waitFor();
  }

  /** Waits for its end and gives its exit code. */
  int exit() throws InterruptedException {
    if (!process.waitFor(300, TimeUnit.SECONDS)) {
      throw new IllegalStateException("serve does not end");
    }
    return process.exitValue();
  }

  /** All that it answered, once it has ended. */
  String out() {
    return out.join();
  }

  /** All that it noted, once it has ended; but for the line that the JVM has about its modules. */
  String err() {
    return err.join().replaceFirst("^WARNING: Using incubator modules: .*\\R", "");
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
