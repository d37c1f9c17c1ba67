package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Queries times keys and weights times values, simulated, and with the same bits by the processor
 * where it has the instructions. Numbers are small and whole, so that sums are exact.
 */
final class AttentionTileTest {
  private static final int LANES = 16;
  private static final int PAIR_BYTES = 64;
  private static final float UNTOUCHED = -12345;
  private static final long VALUES_AT = 1L << 40;
  private static final long KEYS_AT = 1L << 41;
  private static final long APART = 1L << 20;

  private final Random random = new Random(20261128);
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private static boolean runsHere() {
    return InstructionSets.here(InstructionSet.AVX512_BF16);
  }

  private int[][] numbers(int rows, int columns) {
    int[][] numbers = new int[rows][columns];
    for (int[] row : numbers) {
      for (int i = 0; i < columns; i++) {
        row[i] = random.nextInt(17) - 8;
      }
    }
    return numbers;
  }

  private static void set(MemorySegment to, long element, int number) {
    short bits = (short) (Float.floatToRawIntBits(number) >>> Short.SIZE);
    to.setAtIndex(ValueLayout.JAVA_SHORT, element, bits);
  }

  /** Rows as tiles take them: [group of 32][row][column of the group]. */
  private MemorySegment inputs(int[][] rows) {
    int columns = rows[0].length;
    MemorySegment inputs = arena.allocate((long) rows.length * columns * Short.BYTES, 64);
    for (int row = 0; row < rows.length; row++) {
      for (int column = 0; column < columns; column++) {
        int group = column / 32 * rows.length + row;
        set(inputs, group * 32L + column % 32, rows[row][column]);
      }
    }
    return inputs;
  }

  /** A block of 16 lanes, as the cache has it: [pair of columns][lane][column of the pair]. */
  private void fill(
      MemorySegment block, long at, int[][] matrix, int lane, int column, int columns) {
    for (int i = 0; i < LANES; i++) {
      for (int j = 0; j < columns; j++) {
        set(block, at / 2 + (j / 2 * LANES + i) * 2L + j % 2, matrix[lane + i][column + j]);
      }
    }
  }

  /** A list of blocks' addresses; the blocks themselves lie in any order. */
  private MemorySegment addresses(long[] blocks) {
    MemorySegment lists = arena.allocate(2L * AttentionTile.ASKED, 64);
    return lists.copyFrom(MemorySegment.ofArray(blocks));
  }

  private MemorySegment output(int rows, int columns) {
    MemorySegment output = arena.allocate((long) rows * columns * Float.BYTES, 64);
    for (int i = 0; i < rows * columns; i++) {
      output.setAtIndex(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
    }
    return output;
  }

  private static float at(MemorySegment output, long index) {
    return output.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  private static int product(int[] a, int[] b, int length) {
    int sum = 0;
    for (int i = 0; i < length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({"1,32,1", "3,64,3", "6,128,2", "7,96,1", "12,64,2"})
  void scores_are_products_with_keys_wherever_their_blocks_lie(int rows, int headDim, int groups) {
    int positions = groups * 32;
    int[][] queries = numbers(rows, headDim);
    int[][] keys = numbers(positions, headDim);
    int step = positions + 5;
    MemorySegment[] blocks = new MemorySegment[positions / LANES];
    for (int block = blocks.length - 1; block >= 0; block--) {
      blocks[block] = arena.allocate(headDim / 2L * PAIR_BYTES, 64);
      fill(blocks[block], 0, keys, block * LANES, 0, headDim);
    }
    List<Instruction> routine = AttentionTile.scores(rows, headDim, step * 4, 512);
    MemorySegment simulated = output(rows, step);
    SimulatedMemory memory = new SimulatedMemory();
    new Machine(memory)
        .call(
            routine,
            memory.place(addresses(places(memory, blocks)), false),
            memory.place(inputs(queries), false),
            groups,
            memory.place(simulated, true));
    for (int row = 0; row < rows; row++) {
      for (int position = 0; position < step; position++) {
        float expected =
            position < positions ? product(queries[row], keys[position], headDim) : UNTOUCHED;
        assertThat(at(simulated, (long) row * step + position)).isEqualTo(expected);
      }
    }
    if (runsHere()) {
      MemorySegment executed = output(rows, step);
      NativeCalls.scores(
          MachineCode.of(List.of(routine)).routine(0),
          addresses(addressesOf(blocks)).address(),
          inputs(queries).address(),
          groups,
          executed.address());
      assertThat(executed.mismatch(simulated)).isEqualTo(-1);
    }
  }

  private static long[] places(SimulatedMemory memory, MemorySegment[] blocks) {
    return Arrays.stream(blocks).mapToLong(block -> memory.place(block, false)).toArray();
  }

  private static long[] addressesOf(MemorySegment[] blocks) {
    return Arrays.stream(blocks).mapToLong(MemorySegment::address).toArray();
  }

  @ParameterizedTest
  @CsvSource({"1,64,1,16", "3,64,2,16", "3,96,1,16", "6,128,2,32", "7,64,3,16", "12,32,1,48"})
  void outputs_are_products_with_values_of_blocks_of_any_size(
      int rows, int headDim, int groups, int blockTokens) {
    int positions = groups * 32;
    int[][] weights = numbers(rows, positions);
    int[][] values = numbers(headDim, positions);
    int step = headDim + 3;
    int runBytes = blockTokens / 2 * PAIR_BYTES;
    MemorySegment[] blocks = new MemorySegment[positions / LANES];
    for (int block = 0; block < blocks.length; block++) {
      blocks[block] = arena.allocate((long) headDim / LANES * runBytes, 64);
      for (int run = 0; run < headDim / LANES; run++) {
        long at = (long) run * runBytes;
        fill(blocks[block], at, values, run * LANES, block * LANES, LANES);
      }
    }
    List<Instruction> routine = AttentionTile.values(rows, headDim, step * 4, runBytes);
    MemorySegment simulated = output(rows, step);
    MemorySegment executed = output(rows, step);
    int runs = AttentionTile.valueBlocks(rows, headDim);
    for (int run = 0; run < headDim / LANES; run += runs) {
      SimulatedMemory memory = new SimulatedMemory();
      new Machine(memory)
          .call(
              routine,
              memory.place(addresses(places(memory, blocks)), false),
              memory.place(inputs(weights), false),
              groups,
              memory.place(simulated, true) + (long) run * PAIR_BYTES,
              (long) run * runBytes,
              0);
      if (runsHere()) {
        NativeCalls.outputs(
            MachineCode.of(List.of(routine)).routine(0),
            addresses(addressesOf(blocks)).address(),
            inputs(weights).address(),
            groups,
            executed.address() + (long) run * PAIR_BYTES,
            (long) run * runBytes,
            0);
      }
    }
    for (int row = 0; row < rows; row++) {
      for (int dim = 0; dim < step; dim++) {
        float expected = dim < headDim ? product(weights[row], values[dim], positions) : UNTOUCHED;
        assertThat(at(simulated, (long) row * step + dim)).isEqualTo(expected);
      }
    }
    if (runsHere()) {
      assertThat(executed.mismatch(simulated)).isEqualTo(-1);
    }
  }

  /** A list of two blocks, and of what to ask for two that lie far apart. */
  private long lists(SimulatedMemory memory, MemorySegment block, long asked) {
    MemorySegment lists = arena.allocate(2L * AttentionTile.ASKED, 64);
    long place = memory.place(block, false);
    for (int i = 0; i < 2; i++) {
      lists.setAtIndex(ValueLayout.JAVA_LONG, i, place);
      lists.set(ValueLayout.JAVA_LONG, AttentionTile.ASKED + i * 8L, asked + i * APART);
    }
    return memory.place(lists, false);
  }

  @ParameterizedTest
  @CsvSource({"1,64,16", "3,96,32", "8,128,48", "9,64,16"})
  void values_are_asked_for_while_keys_are_multiplied_each_line_once_if_queries_are_few(
      int rows, int headDim, int blockTokens) {
    int runBytes = blockTokens / 2 * PAIR_BYTES;
    SimulatedMemory memory = new SimulatedMemory();
    Machine machine = new Machine(memory);
    machine.call(
        AttentionTile.scores(rows, headDim, 128, runBytes),
        lists(memory, arena.allocate(headDim / 2L * PAIR_BYTES, 64), VALUES_AT),
        memory.place(inputs(numbers(rows, headDim)), false),
        1,
        memory.place(output(rows, 32), true));
    List<Long> lines = new ArrayList<>();
    for (int block = 0; block < 2 && rows < 9; block++) {
      for (int run = 0; run < headDim / LANES; run++) {
        for (int pair = 0; pair < LANES / 2; pair++) {
          lines.add(VALUES_AT + block * APART + (long) run * runBytes + (long) pair * PAIR_BYTES);
        }
      }
    }
    assertThat(machine.askedForLater()).containsExactlyInAnyOrderElementsOf(lines);
  }

  @ParameterizedTest
  @CsvSource({"1,64,16", "3,96,32", "8,128,48", "9,64,16"})
  void keys_are_asked_for_while_values_are_multiplied_each_line_once_if_queries_are_few(
      int rows, int headDim, int blockTokens) {
    int runBytes = blockTokens / 2 * PAIR_BYTES;
    SimulatedMemory memory = new SimulatedMemory();
    Machine machine = new Machine(memory);
    long lists = lists(memory, arena.allocate((long) headDim / LANES * runBytes, 64), KEYS_AT);
    long weights = memory.place(inputs(numbers(rows, 32)), false);
    long sums = memory.place(output(rows, headDim), true);
    int step = headDim * Float.BYTES;
    List<Instruction> routine = AttentionTile.values(rows, headDim, step, runBytes);
    int runs = AttentionTile.valueBlocks(rows, headDim);
    for (long run = 0; run < headDim / LANES; run += runs) {
      long output = sums + run * PAIR_BYTES;
      machine.call(
          routine, lists, weights, 1, output, run * runBytes, run * AttentionTile.RUN_BYTES);
    }
    List<Long> lines = new ArrayList<>();
    for (int block = 0; block < 2 && rows < 9; block++) {
      for (int pair = 0; pair < headDim / 2; pair++) {
        lines.add(KEYS_AT + block * APART + (long) pair * PAIR_BYTES);
      }
    }
    assertThat(machine.askedForLater()).containsExactlyInAnyOrderElementsOf(lines);
  }
}
