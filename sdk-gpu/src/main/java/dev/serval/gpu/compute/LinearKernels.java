package dev.serval.gpu.compute;

import dev.serval.gpu.driver.Kernel;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * The kernels of one tensor core instruction that multiply: for each type of matrix one for each
 * number of tokens that a block takes, all of which give the same bits.
 */
final class LinearKernels {
  private static final int[] WIDTHS = {8, 16, 32, 64, 128, 256};

  private final Map<MatrixType, Family> plain = new EnumMap<>(MatrixType.class);
  private final Map<MatrixType, Family> gated = new EnumMap<>(MatrixType.class);

  LinearKernels(String instruction, KernelModule kernels) {
    for (MatrixType type : MatrixType.values()) {
      if (type.packed()) {
        String name = instruction + "_linear_" + type.kernelName();
        plain.put(type, Family.of(name, kernels));
        gated.put(type, Family.of(name + "_gated", kernels));
      }
    }
  }

  Family plain(MatrixType type) {
    return Objects.requireNonNull(plain.get(type));
  }

  Family gated(MatrixType type) {
    return Objects.requireNonNull(gated.get(type));
  }

  /** The kernels of one type of matrix. */
  static final class Family {
    private final int[] widths;
    private final Kernel[] kernels;

    private Family(int[] widths, Kernel[] kernels) {
      this.widths = widths;
      this.kernels = kernels;
    }

    static Family of(String name, KernelModule module) {
      int[] widths =
          Arrays.stream(WIDTHS).filter(width -> module.has(name + "_n" + width)).toArray();
      Kernel[] kernels =
          Arrays.stream(widths)
              .mapToObj(width -> module.kernel(name + "_n" + width))
              .toArray(Kernel[]::new);
      return new Family(widths, kernels);
    }

    /** Which kernel takes so many tokens at once, or most. */
    int choice(int rows) {
      int choice = 0;
      while (choice < widths.length - 1 && widths[choice] < rows) {
        choice++;
      }
      return choice;
    }

    /** How many tokens a block of a kernel takes. */
    int width(int choice) {
      return widths[choice];
    }

    Kernel kernel(int choice) {
      return kernels[choice];
    }
  }
}
