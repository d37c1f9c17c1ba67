package dev.serval.gpu.compute;

import dev.serval.gpu.driver.Kernel;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The kernels of one tensor core instruction that multiply: for each type of matrix one for each
 * number of tokens that a block takes, all of which give the same bits.
 */
final class LinearKernels {
  private static final int[] WIDTHS = {8, 16, 32, 64, 128, 256};

  /** From so many tokens on, a block of warpgroups takes two row tiles at once. */
  private static final int PAIRED = 64;

  /**
   * More than half of the shared memory that a multiprocessor with warpgroups has, and little
   * enough for a block of half beside it.
   */
  private static final int ALONE = 114 << 10;

  private final Map<MatrixType, Family> plain = new EnumMap<>(MatrixType.class);
  private final Map<MatrixType, Family> gated = new EnumMap<>(MatrixType.class);

  LinearKernels(String instruction, KernelModule kernels) {
    boolean inTurns = instruction.equals(KernelImage.WGMMA);
    for (MatrixType type : MatrixType.values()) {
      if (type.packed()) {
        String name = instruction + "_linear_" + type.kernelName();
        plain.put(type, new Family(kernels, name, inTurns, type != MatrixType.BF16));
        gated.put(type, new Family(kernels, name + "_gated", inTurns, true));
      }
    }
  }

  Family plain(MatrixType type) {
    return Objects.requireNonNull(plain.get(type));
  }

  Family gated(MatrixType type) {
    return Objects.requireNonNull(gated.get(type));
  }

  /**
   * A kernel.
   *
   * @param launch of it
   * @param width how many tokens a block takes
   * @param rowTiles how many row tiles a block takes at once
   * @param blocks how many blocks a multiprocessor is meant to hold; 0 where each takes one tile,
   *     and not one after the other in turns
   * @param shared the shared memory of a block
   */
  record Member(Kernel launch, int width, int rowTiles, int blocks, int shared) {
    /** Whether blocks take tiles in turns, so that there need be no more than the device holds. */
    boolean inTurns() {
      return blocks > 0;
    }

    /**
     * Sets the launch's grid and shared memory for so many things to do, each in so many segments.
     * Where there are no more blocks than multiprocessors, each asks for so much shared memory that
     * no two of them come to the same one, as they would where a kernel before this one leaves room
     * early.
     */
    void turns(int items, int segments, int multiprocessors) {
      int x = Math.clamp(multiprocessors * blocks / segments, 1, items);
      boolean alone = blocks > 1 && x * segments <= multiprocessors;
      launch.grid(x, 1, segments).shared(alone ? ALONE : shared);
    }
  }

  /** The kernels of one type of matrix, from the narrowest on. */
  static final class Family {
    private final List<Member> members = new ArrayList<>();

    /** Of kernels whose names begin so, each of whose blocks takes one row tile. */
    static Family of(KernelModule module, String prefix) {
      return new Family(module, prefix, false, false);
    }

    private Family(KernelModule module, String prefix, boolean inTurns, boolean alwaysPaired) {
      for (int width : WIDTHS) {
        String name = prefix + "_n" + width;
        if (module.has(name)) {
          KernelSpec spec = module.spec(name);
          members.add(
              new Member(
                  module.kernel(name, inTurns ? ALONE : 0),
                  width,
                  alwaysPaired || width >= PAIRED ? 2 : 1,
                  inTurns ? spec.blocks() : 0,
                  spec.sharedBytes()));
        }
      }
    }

    /** The kernel that takes so many tokens at once, or most. */
    Member member(int rows) {
      int choice = 0;
      while (choice < members.size() - 1 && members.get(choice).width() < rows) {
        choice++;
      }
      return members.get(choice);
    }
  }
}
