package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.CodedBlocks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * Runs every tile of a type once on a small matrix, and compares with what the matrix's elements
 * give in float64. A processor, or an emulator, that does an instruction otherwise than it should
 * is found out before it computes anything that matters.
 */
final class SelfCheck {
  private static final int SEED = 7;
  private static final int GROUPS = 3;
  private static final int ALIGNMENT = 64;
  private static final double HALF_STEP = 0.51 / ActivationGroup.GREATEST;
  private static final double BFLOAT_STEP = 0x1p-7;
  private static final double FLOAT_STEP = 1e-5;

  private final TileKernels kernels;
  private final MemorySegment inputRoutine;
  private final BlockLayout layout;
  private final int columns;
  private final int blocks;
  private final float[] inputs;
  private final float[] elements;
  private final MemorySegment codes;
  private final MemorySegment turned;
  private final MemorySegment output;

  private SelfCheck(
      DType dtype,
      TileKernels kernels,
      MemorySegment inputRoutine,
      BlockLayout layout,
      int columns,
      Arena arena) {
    this.kernels = kernels;
    this.inputRoutine = inputRoutine;
    this.layout = layout;
    this.columns = columns;
    blocks = kernels.maxBlocks();
    Random random = new Random(SEED);
    inputs = new float[kernels.maxRows() * columns];
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = (float) random.nextGaussian();
    }
    codes = arena.allocate(blocks * layout.blockBytes(), ALIGNMENT);
    pack(dtype, random);
    elements = new float[blocks * layout.lanes() * columns];
    expand();
    turned =
        arena.allocate(
            (long) kernels.maxRows() * layout.groups() * kernels.inputs().bytes(), ALIGNMENT);
    output = arena.allocate((long) kernels.maxRows() * lanes() * Float.BYTES, ALIGNMENT);
  }

  /** How many columns the matrix has that a type is checked with. */
  static int columns(DType dtype) {
    return GROUPS * Math.max(dtype.blockElements(), ActivationGroup.COLUMNS);
  }

  /** Whether all tiles give what they should. */
  static boolean passes(
      DType dtype, TileKernels kernels, MemorySegment inputRoutine, BlockLayout layout) {
    try (Arena arena = Arena.ofConfined()) {
      return new SelfCheck(dtype, kernels, inputRoutine, layout, columns(dtype), arena).passes();
    }
  }

  private int lanes() {
    return blocks * layout.lanes();
  }

  private void pack(DType dtype, Random random) {
    int rowBytes = Math.toIntExact(CodedBlocks.bytes(dtype, columns));
    MemorySegment[] rows = new MemorySegment[layout.lanes()];
    for (int block = 0; block < blocks; block++) {
      for (int lane = 0; lane < rows.length; lane++) {
        rows[lane] = MemorySegment.ofArray(row(dtype, rowBytes, random));
      }
      layout.pack(rows, rows.length, codes, block * layout.blockBytes());
    }
  }

  /** Random bits, but for the byte of each scale or BF16 that makes it a moderate one. */
  private static byte[] row(DType dtype, int bytes, Random random) {
    byte[] row = new byte[bytes];
    random.nextBytes(row);
    for (int block = 0; block < bytes; block += CodedBlocks.blockBytes(dtype)) {
      moderate(dtype, row, block, random);
    }
    return row;
  }

  private static void moderate(DType dtype, byte[] row, int block, Random random) {
    if (dtype == DType.MXFP4) {
      row[block] = (byte) (116 + random.nextInt(8));
      return;
    }
    int scale = block + IntegerForm.of(dtype).map(IntegerForm::scaleAt).orElse(0);
    row[scale + 1] = (byte) (random.nextInt(2) << 7 | 0x2D + random.nextInt(8));
    if (IntegerForm.of(dtype).map(form -> form.scales().minimum()).orElse(false)) {
      row[scale + 3] = (byte) (0x2D + random.nextInt(8));
    }
  }

  private void expand() {
    for (int lane = 0; lane < lanes(); lane++) {
      long block = lane / layout.lanes() * layout.blockBytes();
      for (int column = 0; column < columns; column++) {
        elements[lane * columns + column] =
            layout.element(codes, block, lane % layout.lanes(), column);
      }
    }
  }

  private boolean passes() {
    for (int rows = 1; rows <= kernels.maxRows(); rows++) {
      turn(rows);
      for (int count = 1; count <= kernels.maxBlocks(rows, false); count *= 2) {
        for (Ending ending : Ending.values()) {
          if (!passes(ending, rows, count)) {
            return false;
          }
        }
      }
    }
    return true;
  }

  private void turn(int rows) {
    long bytes = kernels.inputs().bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocateFrom(ValueLayout.JAVA_FLOAT, inputs);
      for (int row = 0; row < rows; row++) {
        NativeCalls.input(
            inputRoutine,
            in.address() + (long) row * columns * Float.BYTES,
            turned.address() + row * bytes,
            layout.groups(),
            rows * bytes);
      }
    }
  }

  private boolean passes(Ending ending, int rows, int count) {
    for (long i = 0; i < output.byteSize() / Float.BYTES; i++) {
      output.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
    NativeCalls.tile(
        kernels.routine(ending, rows, count),
        codes.address(),
        turned.address(),
        output.address(),
        (long) lanes() * Float.BYTES,
        layout.groups(),
        layout.blockBytes(),
        codes.address(),
        1);
    for (int row = 0; row < rows; row++) {
      for (int lane = 0; lane < count * layout.lanes(); lane++) {
        float actual =
            output.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * lanes() + lane)
                - (ending == Ending.ADD ? 1 : 0);
        if (!near(actual, row, lane)) {
          return false;
        }
      }
    }
    return true;
  }

  private boolean near(float actual, int row, int lane) {
    double sum = 0;
    double bound = FLOAT_STEP;
    for (int group = 0; group < layout.groups(); group++) {
      double products = 0;
      double magnitudes = 0;
      double greatest = 0;
      for (int i = group * 32; i < (group + 1) * ActivationGroup.COLUMNS; i++) {
        double input = inputs[row * columns + i];
        double element = elements[lane * columns + i];
        sum += input * element;
        products += Math.abs(input * element);
        magnitudes += Math.abs(element);
        greatest = Math.max(greatest, Math.abs(input));
      }
      bound += products * FLOAT_STEP + step(products, magnitudes, greatest);
    }
    return Math.abs(actual - sum) <= bound;
  }

  private double step(double products, double magnitudes, double greatest) {
    return switch (kernels.inputs()) {
      case BYTES -> magnitudes * greatest * HALF_STEP;
      case BFLOATS -> products * BFLOAT_STEP;
      case FLOATS -> 0;
    };
  }
}
