package dev.serval.models.cpu.system;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the processor can do, as the operating system reports it.
 *
 * @param features the names of its extensions, as Linux spells them, such as {@code avx2}; none
 *     where they are not reported
 */
public record Processor(Set<String> features) {
  private static final Path REPORT = Path.of("/proc/cpuinfo");
  private static final String FLAGS = "flags";

  /** Copies the names. */
  public Processor {
    features = Set.copyOf(features);
  }

  /** This machine's. */
  public static Processor here() {
    return read(REPORT);
  }

  /**
   * Reads a report; one that cannot be read names no features.
   *
   * @param report a file like Linux's {@code /proc/cpuinfo}
   */
  static Processor read(Path report) {
    try (Stream<String> lines = Files.lines(report)) {
      return new Processor(
          lines
              .filter(line -> line.startsWith(FLAGS))
              .findFirst()
              .map(line -> line.substring(line.indexOf(':') + 1).strip().split("\\s+"))
              .stream()
              .flatMap(Arrays::stream)
              .collect(Collectors.toSet()));
    } catch (IOException | UncheckedIOException e) {
      return new Processor(Set.of());
    }
  }

  /**
   * The same processor without one of its features.
   *
   * @param feature its name
   * @return the processor, as it is if it does not have the feature
   */
  public Processor less(String feature) {
    return new Processor(
        features.stream().filter(name -> !name.equals(feature)).collect(Collectors.toSet()));
  }

  /**
   * Which of some features are not there.
   *
   * @param wanted their names
   * @return those that are missing, in the same order
   */
  public List<String> without(String... wanted) {
    return Arrays.stream(wanted).filter(name -> !features.contains(name)).toList();
  }
}
