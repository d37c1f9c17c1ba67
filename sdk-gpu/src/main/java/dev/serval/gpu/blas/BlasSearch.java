package dev.serval.gpu.blas;

import dev.serval.gpu.driver.NativeLibrary;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Looks for cuBLASLt. Not finding it is an answer in a clause and never an error. */
public final class BlasSearch {
  private static final List<String> LIBRARIES = List.of("libcublasLt.so.13", "libcublasLt.so.12");

  private BlasSearch() {}

  /** What came of a search. */
  public sealed interface Outcome {}

  /**
   * It is there.
   *
   * @param library the library
   */
  public record Found(BlasLibrary library) implements Outcome {}

  /**
   * It cannot be used.
   *
   * @param finding what was looked for and what is missing: a clause without a full stop
   */
  public record Absent(String finding) implements Outcome {}

  /**
   * Looks where the system's loader looks, then at the usual places; the newest first.
   *
   * @return what was found
   */
  public static Outcome system() {
    return LIBRARIES.stream()
        .map(NativeLibrary::find)
        .flatMap(Optional::stream)
        .findFirst()
        .map(BlasSearch::inspect)
        .orElseGet(() ->
            new Absent(
                "%s; nor is %s"
                    .formatted(NativeLibrary.notFound(LIBRARIES.getFirst()), LIBRARIES.getLast())));
  }

  /**
   * Takes the library at a path.
   *
   * @param library the library
   * @return what was found
   */
  public static Outcome at(Path library) {
    return NativeLibrary.at(library)
        .map(BlasSearch::inspect)
        .orElseGet(() -> new Absent("there is no library at " + library));
  }

  private static Outcome inspect(NativeLibrary library) {
    BlasLibrary blas = new BlasLibrary(library);
    String missing =
        Arrays.stream(BlasFunction.values())
            .filter(function -> !blas.has(function))
            .map(BlasFunction::symbol)
            .collect(Collectors.joining(", "));
    return missing.isEmpty()
        ? new Found(blas)
        : new Absent("%s lacks %s".formatted(library.name(), missing));
  }
}
