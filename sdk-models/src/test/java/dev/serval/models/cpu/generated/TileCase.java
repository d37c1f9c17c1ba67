package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.CodedBlocks;
import dev.serval.models.cpu.block.Dequantisation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;

/**
 * One tile's worth of work: stored matrix rows, inputs, what the output held before. It can be
 * computed by a {@link Machine}, by the processor, and by plain code.
 */
final class TileCase implements AutoCloseable {
  private static final int BEFORE = 3;

  /** What is fetched for others may be anywhere. */
  private static final long ANYWHERE = 0xF00D;

  /** How far apart that is. */
  static final int ASK = 3;

  private final InstructionSet set;
  private final DType dtype;
  private final Ending ending;
  private final int rows;
  private final int blocks;
  private final int columns;
  private final int lanes;
  private final BlockLayout layout;
  private final InputForm form;
  private final byte[][] stored;
  private final float[][] inputs;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment codes;
  private List<Long> asked = List.of();

  TileCase(
      InstructionSet set,
      DType dtype,
      Ending ending,
      int rows,
      int blocks,
      int columns,
      Random random,
      float[]... special) {
    this.set = set;
    this.dtype = dtype;
    this.ending = ending;
    this.rows = rows;
    this.blocks = blocks;
    this.columns = columns;
    lanes = blocks * set.lanes();
    layout = layout(set, dtype, columns);
    form = form(set, dtype);
    stored = new byte[lanes][];
    for (int lane = 0; lane < lanes; lane++) {
      stored[lane] = storedRow(random, lane);
    }
    inputs = new float[rows][];
    for (int row = 0; row < rows; row++) {
      inputs[row] = row < special.length ? special[row] : input(random);
    }
    codes = arena.allocate(blocks * layout.blockBytes(), 64);
    pack();
  }

  static BlockLayout layout(InstructionSet set, DType dtype, int columns) {
    return IntegerForm.of(dtype)
        .<BlockLayout>map(integers -> new IntegerLayout(set, integers, columns))
        .orElseGet(() -> new FloatLayout(FloatForm.of(dtype).orElseThrow(), set.lanes(), columns));
  }

  static InputForm form(InstructionSet set, DType dtype) {
    return IntegerForm.of(dtype).isPresent()
        ? InputForm.BYTES
        : FloatForm.of(dtype).orElseThrow().inputs(set);
  }

  static int maxRows(InstructionSet set, DType dtype) {
    return FloatForm.of(dtype).map(form -> form.maxRows(set)).orElse(IntegerTile.MAX_ROWS);
  }

  static int maxBlocks(InstructionSet set, DType dtype, int rows) {
    return FloatForm.of(dtype)
        .map(form -> form.maxBlocks(set, rows))
        .orElseGet(() -> IntegerTile.maxBlocks(set, rows));
  }

  /** Random elements; of some rows the most extreme codes only. */
  private byte[] storedRow(Random random, int lane) {
    if (IntegerForm.of(dtype).isPresent()) {
      byte[] row = Dequantisation.random(dtype, columns, random);
      for (int i = 0; lane % 5 == 4 && i < row.length; i++) {
        if (isCode(i % dtype.blockBytes())) {
          row[i] = lane % 2 == 0 ? (byte) 0x80 : (byte) -1;
        }
      }
      return row;
    }
    byte[] row = new byte[2 * columns];
    for (int i = 0; i < columns; i++) {
      float value = (float) random.nextGaussian();
      short bits =
          dtype == DType.F16
              ? Float.floatToFloat16(value)
              : (short) (Float.floatToRawIntBits(value) >> 16);
      row[2 * i] = (byte) bits;
      row[2 * i + 1] = (byte) (bits >> 8);
    }
    return row;
  }

  private boolean isCode(int at) {
    return switch (dtype) {
      case Q4_1, Q5_1 -> at >= 4;
      case Q4_K, Q5_K -> at >= 16;
      case Q6_K -> at < 192;
      case Q2_K -> at >= 16 && at < 80;
      case Q3_K -> at < 96;
      case IQ4_XS -> at >= 8;
      case MXFP4 -> at >= 1;
      case IQ1_M -> at < 48;
      case TQ1_0 -> at < 52;
      case TQ2_0 -> at < 64;
      default -> at >= 2;
    };
  }

  private float[] input(Random random) {
    float[] row = new float[columns];
    for (int i = 0; i < columns; i++) {
      row[i] = (float) random.nextGaussian();
    }
    return row;
  }

  private void pack() {
    for (int block = 0; block < blocks; block++) {
      MemorySegment[] blockRows = new MemorySegment[set.lanes()];
      for (int lane = 0; lane < set.lanes(); lane++) {
        byte[] row = stored[block * set.lanes() + lane];
        blockRows[lane] = CodedBlocks.row(dtype, MemorySegment.ofArray(row));
      }
      layout.pack(blockRows, set.lanes(), codes, block * layout.blockBytes());
    }
  }

  /** Gives blocks of MXFP4 these scales in turn, instead of moderate ones. */
  TileCase withExponents(int... exponents) {
    for (int lane = 0; lane < lanes; lane++) {
      for (int at = 0; at < stored[lane].length; at += dtype.blockBytes()) {
        stored[lane][at] = (byte) exponents[(lane + at) % exponents.length];
      }
    }
    pack();
    return this;
  }

  private Tile tile() {
    return IntegerForm.of(dtype)
        .<Tile>map(integers -> new IntegerTile(set, integers, rows, blocks, ending))
        .orElseGet(() -> FloatForm.of(dtype).orElseThrow().tile(set, rows, blocks, ending));
  }

  /** The inputs, each row filled up to whole groups. */
  private MemorySegment filledUp() {
    MemorySegment all = arena.allocate((long) rows * layout.groups() * 128, 64);
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          inputs[row], 0, all, ValueLayout.JAVA_FLOAT, (long) row * layout.groups() * 128, columns);
    }
    return all;
  }

  private MemorySegment turnedRoom() {
    return arena.allocate((long) rows * layout.groups() * form.bytes(), 64);
  }

  private MemorySegment output() {
    MemorySegment output = arena.allocate((long) rows * lanes * Float.BYTES, 64);
    for (long i = 0; i < (long) rows * lanes; i++) {
      output.setAtIndex(ValueLayout.JAVA_FLOAT, i, BEFORE);
    }
    return output;
  }

  /** By simulation. */
  float[][] simulated() {
    SimulatedMemory memory = new SimulatedMemory();
    long codesAt = memory.place(codes, false);
    MemorySegment turned = turnedRoom();
    long turnedAt = memory.place(turned, true);
    long inputsAt = memory.place(filledUp(), false);
    MemorySegment output = output();
    long outputAt = memory.place(output, true);
    for (int row = 0; row < rows; row++) {
      new Machine(memory)
          .call(
              form.routine(),
              inputsAt + (long) row * layout.groups() * 128,
              turnedAt + (long) row * form.bytes(),
              layout.groups(),
              (long) rows * form.bytes());
    }
    Machine machine = new Machine(memory);
    machine.call(
        tile().instructions(),
        codesAt,
        turnedAt,
        ANYWHERE,
        ASK,
        layout.groups(),
        layout.blockBytes(),
        outputAt,
        lanes * 4L);
    asked = machine.askedForLater();
    return rows(output);
  }

  /** What a simulated tile asked for on behalf of others, as bytes from where that begins. */
  List<Long> askedForOthers() {
    long end = ANYWHERE + ASK * asks();
    return asked.stream()
        .filter(address -> address >= ANYWHERE && address < end)
        .map(address -> address - ANYWHERE)
        .toList();
  }

  /** How often it should. */
  long asks() {
    return (long) layout.groups() * Tile.asks(blocks, layout.groupBytes());
  }

  /** How many lines its own codes lie in. */
  long lines() {
    return Math.ceilDiv(blocks * layout.blockBytes(), (long) Routine.LINE);
  }

  /** By the processor. */
  float[][] executed() {
    MachineCode code = MachineCode.of(List.of(tile().instructions(), form.routine()));
    MemorySegment in = filledUp();
    MemorySegment turned = turnedRoom();
    MemorySegment output = output();
    for (int row = 0; row < rows; row++) {
      NativeCalls.input(
          code.routine(1),
          in.address() + (long) row * layout.groups() * 128,
          turned.address() + (long) row * form.bytes(),
          layout.groups(),
          (long) rows * form.bytes());
    }
    NativeCalls.tile(
        code.routine(0),
        codes.address(),
        turned.address(),
        output.address(),
        lanes * 4L,
        layout.groups(),
        layout.blockBytes(),
        codes.address(),
        ASK);
    return rows(output);
  }

  private float[][] rows(MemorySegment output) {
    float[][] result = new float[rows][lanes];
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          output, ValueLayout.JAVA_FLOAT, (long) row * lanes * 4, result[row], 0, lanes);
    }
    return result;
  }

  /** By plain code, in the order and with the rounding that are promised. */
  float[][] expected() {
    float[][] result = new float[rows][lanes];
    for (int row = 0; row < rows; row++) {
      for (int lane = 0; lane < lanes; lane++) {
        float sum = ReferenceProduct.of(set, dtype, stored[lane], inputs[row]);
        result[row][lane] = ending == Ending.ADD ? sum + BEFORE : sum;
      }
    }
    return result;
  }

  /** In float64, without any rounding of inputs. */
  double[][] exact() {
    double[][] result = new double[rows][lanes];
    for (int row = 0; row < rows; row++) {
      for (int lane = 0; lane < lanes; lane++) {
        result[row][lane] =
            ReferenceProduct.exact(dtype, stored[lane], inputs[row])
                + (ending == Ending.ADD ? BEFORE : 0);
      }
    }
    return result;
  }

  /** All elements, read back from where tiles find them. */
  float[][] elementsInBlocks() {
    float[][] result = new float[lanes][columns];
    for (int lane = 0; lane < lanes; lane++) {
      long block = lane / set.lanes() * layout.blockBytes();
      for (int column = 0; column < columns; column++) {
        result[lane][column] = layout.element(codes, block, lane % set.lanes(), column);
      }
    }
    return result;
  }

  /** All elements, as their type's description has it. */
  float[][] elementsAsStored() {
    float[][] result = new float[lanes][];
    for (int lane = 0; lane < lanes; lane++) {
      result[lane] = ReferenceProduct.elements(dtype, stored[lane]);
    }
    return result;
  }

  @Override
  public void close() {
    arena.close();
  }

  @Override
  public String toString() {
    return "%s, %s, %s, %d rows × %d blocks, %d columns"
        .formatted(set, dtype, ending, rows, blocks, columns);
  }
}
