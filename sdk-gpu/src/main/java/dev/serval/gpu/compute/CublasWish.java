package dev.serval.gpu.compute;

import dev.serval.gpu.blas.BlasException;
import dev.serval.gpu.blas.BlasHandle;
import dev.serval.gpu.blas.BlasLibrary;
import dev.serval.gpu.blas.BlasSearch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A host's wish that steps of many tokens be multiplied by cuBLASLt.
 *
 * @param library looks for it
 * @param leastTokens of how many tokens on
 */
record CublasWish(Supplier<BlasSearch.Outcome> library, int leastTokens) {
  /**
   * Below, bringing inputs to rows costs more of a step than products of the library's could save.
   */
  static final int MANY_TOKENS = 512;

  /** What came of a wish: a handle, or none and why. */
  record Outcome(@Nullable BlasHandle handle, String version, String words) {}

  /** Nobody wished. */
  static Outcome none() {
    return new Outcome(null, "", "");
  }

  /** Fulfils it in the context of the calling thread, if that can be. */
  Outcome fulfil() {
    return switch (library.get()) {
      case BlasSearch.Absent(String finding) -> without(finding);
      case BlasSearch.Found(BlasLibrary found) -> open(found);
    };
  }

  private Outcome open(BlasLibrary found) {
    try {
      return new Outcome(
          found.open(),
          "+cublaslt-" + found.version(),
          ", %s for steps of %d tokens and more".formatted(found, leastTokens));
    } catch (BlasException e) {
      return without(String.valueOf(e.getMessage()));
    }
  }

  private static Outcome without(String finding) {
    return new Outcome(null, "", ", without cuBLASLt: " + finding);
  }
}
