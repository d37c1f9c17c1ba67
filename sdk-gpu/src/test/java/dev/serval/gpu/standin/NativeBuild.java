package dev.serval.gpu.standin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Compiles C++ of the tests, once for each state of the sources: what was made is kept in {@code
 * target}, and found again by a digest of all that went in.
 */
public final class NativeBuild {
  /** The module's folder, also where tests of a module beside it run. */
  static final Path MODULE = module();

  static final Path KEPT = MODULE.resolve("target/native");
  private static final int MINUTES = 10;

  private NativeBuild() {}

  private static Path module() {
    Path here = Path.of("").toAbsolutePath();
    return Files.isDirectory(here.resolve("src/test/cpp")) ? here : here.resolveSibling("sdk-gpu");
  }

  /**
   * Whether there is a compiler.
   *
   * @return whether g++ can be run
   */
  public static boolean possible() {
    try {
      Process process =
          new ProcessBuilder("g++", "--version")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * A folder with what a recipe makes.
   *
   * @param name what it is
   * @param inputs files and folders that go in
   * @param recipe commands, which run in the new folder one after the other
   * @return the folder
   */
  public static Path made(String name, List<Path> inputs, List<List<String>> recipe) {
    try {
      Path folder = KEPT.resolve(name + "-" + digest(inputs, recipe)).toAbsolutePath();
      Files.createDirectories(KEPT);
      Path gate = KEPT.resolve(name + ".lock");
      try (FileChannel channel =
              FileChannel.open(gate, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        if (lock.isValid() && !Files.exists(folder)) {
          make(folder, recipe);
        }
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * What one source is compiled to. Only what changed is compiled again.
   *
   * @param source the source
   * @param headers that it may include
   * @param compile the command, without what to compile
   * @return the object file
   */
  public static Path object(Path source, List<Path> headers, List<String> compile) {
    String name = source.getFileName() + ".o";
    List<Path> inputs = new ArrayList<>(headers);
    inputs.add(source);
    List<String> command = new ArrayList<>(compile);
    command.addAll(List.of("-c", source.toString(), "-o", name));
    return made("object-" + source.getFileName(), inputs, List.of(command)).resolve(name);
  }

  /**
   * Files of a folder, in the order of their names.
   *
   * @param folder where they are
   * @param ending how their names end
   * @return their absolute paths
   */
  public static List<Path> sources(Path folder, String ending) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().endsWith(ending))
          .map(Path::toAbsolutePath)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void make(Path folder, List<List<String>> recipe) throws IOException {
    Path fresh = Files.createTempDirectory(KEPT.toAbsolutePath(), "unfinished");
    for (List<String> command : recipe) {
      run(fresh, command);
    }
    Files.move(fresh, folder, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void run(Path folder, List<String> command) throws IOException {
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IllegalStateException(
            String.join(" ", command) + " failed:\n" + Files.readString(output));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroyForcibly();
      throw new IllegalStateException("interrupted while compiling", e);
    }
  }

  private static String digest(List<Path> inputs, List<List<String>> recipe) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    for (Path input : inputs) {
      for (Path file : files(input)) {
        digest.update(file.toString().getBytes(StandardCharsets.UTF_8));
        digest.update(Files.readAllBytes(file));
      }
    }
    digest.update(recipe.toString().getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest(), 0, 8);
  }

  private static List<Path> files(Path input) throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> tree = Files.walk(input)) {
      tree.filter(Files::isRegularFile).sorted().forEach(found::add);
    }
    return found;
  }
}
