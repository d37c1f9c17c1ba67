package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tiles of every instruction set, simulated: each result has exactly the bits that are promised,
 * and nothing outside the buffers is touched. Where the processor has the set, it must agree.
 */
final class TileTest {
  private static final long SEED = 20261123;
  private static final double ULPS = 4;

  private final Random random = new Random(SEED);

  static Stream<Arguments> kinds() {
    return Arrays.stream(InstructionSet.values())
        .flatMap(set ->
            Arrays.stream(DType.values())
                .filter(dtype -> dtype != DType.F32)
                .map(dtype -> Arguments.of(set, dtype)));
  }

  private TileCase tile(
      InstructionSet set, DType dtype, Ending ending, int rows, int groups, float[]... special) {
    return tile(set, dtype, ending, rows, TileCase.maxBlocks(set, dtype, rows), groups, special);
  }

  private TileCase tile(
      InstructionSet set,
      DType dtype,
      Ending ending,
      int rows,
      int blocks,
      int groups,
      float[]... special) {
    return new TileCase(set, dtype, ending, rows, blocks, columns(dtype, groups), random, special);
  }

  private static int columns(DType dtype, int groups) {
    return dtype.blockElements() == 1 ? 32 * groups - 5 : dtype.blockElements() * groups;
  }

  /** Two blocks, or more if only they have all the scales that there is room for. */
  private static int wholeSpans(DType dtype) {
    int groups = IntegerForm.of(dtype).map(form -> form.scales().span()).orElse(1);
    return Math.max(2, groups * ActivationGroup.COLUMNS / dtype.blockElements());
  }

  private static void check(InstructionSet set, DType dtype, TileCase tile) {
    float[][] simulated = tile.simulated();
    assertThat(bits(simulated)).as("%s, seed %d", tile, SEED).isDeepEqualTo(bits(tile.expected()));
    if (InstructionSets.here(set)) {
      float[][] executed = tile.executed();
      if (TileCase.form(set, dtype) == InputForm.BFLOATS) {
        assertNear(executed, simulated, tile);
      } else {
        assertThat(bits(executed))
            .as("%s on the processor, seed %d", tile, SEED)
            .isDeepEqualTo(bits(simulated));
      }
    }
  }

  /** All that is no number counts as the same. */
  private static int[][] bits(float[][] rows) {
    int[][] bits = new int[rows.length][rows[0].length];
    for (int row = 0; row < rows.length; row++) {
      for (int i = 0; i < bits[row].length; i++) {
        bits[row][i] = Float.floatToIntBits(rows[row][i]);
      }
    }
    return bits;
  }

  /** Processors may add up pairs of BF16 products in orders of their own. */
  private static void assertNear(float[][] executed, float[][] simulated, TileCase tile) {
    for (int row = 0; row < executed.length; row++) {
      for (int lane = 0; lane < executed[row].length; lane++) {
        assertThat(near(executed[row][lane], simulated[row][lane]))
            .as(
                "%s, row %d, lane %d: %s executed, %s simulated",
                tile, row, lane, executed[row][lane], simulated[row][lane])
            .isTrue();
      }
    }
  }

  /** An infinity is near to itself alone, and so is what is no number. */
  private static boolean near(float executed, float simulated) {
    return Float.isFinite(simulated)
        ? Math.abs(executed - simulated) <= ULPS * 1e-5
        : Float.compare(executed, simulated) == 0;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void the_smallest_and_the_largest_tile_give_the_promised_bits(InstructionSet set, DType dtype) {
    for (int rows : new int[] {1, TileCase.maxRows(set, dtype)}) {
      try (TileCase tile = tile(set, dtype, Ending.STORE, rows, 1)) {
        check(set, dtype, tile);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void a_tile_of_many_rows_asks_for_a_line_of_others_for_each_of_its_own(
      InstructionSet set, DType dtype) {
    boolean asMatrices = set.tileRegisters() && dtype == DType.BF16;
    int rows = TileCase.maxRows(set, dtype);
    try (TileCase tile = tile(set, dtype, Ending.STORE, rows, wholeSpans(dtype))) {
      check(set, dtype, tile);
      assertThat(tile.asks()).isGreaterThanOrEqualTo(tile.lines());
      assertThat(tile.askedForOthers())
          .isEqualTo(
              LongStream.range(0, asMatrices ? 0 : tile.asks())
                  .mapToObj(ask -> ask * TileCase.ASK)
                  .toList());
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("kinds")
  void tiles_of_every_size_give_the_promised_bits(InstructionSet set, DType dtype) {
    for (int rows = 1; rows <= TileCase.maxRows(set, dtype); rows++) {
      for (int blocks = 1; blocks <= TileCase.maxBlocks(set, dtype, rows); blocks *= 2) {
        for (Ending ending : Ending.values()) {
          try (TileCase tile = tile(set, dtype, ending, rows, blocks, 1 + rows % 3)) {
            check(set, dtype, tile);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void a_row_has_the_same_bits_in_a_tile_of_any_size(InstructionSet set, DType dtype) {
    int columns = columns(dtype, 2);
    float[][] inputs = new float[TileCase.maxRows(set, dtype)][columns];
    for (float[] row : inputs) {
      for (int i = 0; i < columns; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    float[] alone = simulated(set, dtype, 1, inputs)[0];
    float[] together = simulated(set, dtype, inputs.length, inputs)[0];
    assertThat(Arrays.copyOf(together, set.lanes())).isEqualTo(Arrays.copyOf(alone, set.lanes()));
  }

  private static float[][] simulated(InstructionSet set, DType dtype, int rows, float[][] inputs) {
    int blocks = TileCase.maxBlocks(set, dtype, rows);
    try (TileCase tile =
        new TileCase(
            set,
            dtype,
            Ending.STORE,
            rows,
            blocks,
            inputs[0].length,
            new Random(SEED),
            Arrays.copyOf(inputs, rows))) {
      return tile.simulated();
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void extremes_neither_overflow_nor_vanish(InstructionSet set, DType dtype) {
    int columns = columns(dtype, 1);
    float[] all = new float[columns];
    Arrays.fill(all, -1e30f);
    float[] zeros = new float[columns];
    float[] tiny = new float[columns];
    Arrays.fill(tiny, 0x1p-90f);
    float[] spike = new float[columns];
    spike[columns / 2] = 3e37f;
    try (TileCase tile = tile(set, dtype, Ending.STORE, 4, 1, all, zeros, tiny, spike)) {
      check(set, dtype, tile);
      assertThat(tile.simulated()[1]).containsOnly(0f);
    }
  }

  @ParameterizedTest
  @EnumSource
  void scales_of_eight_bits_are_right_from_the_least_to_what_is_no_number(InstructionSet set) {
    for (int rows : new int[] {1, IntegerTile.MAX_ROWS}) {
      try (TileCase tile =
          tile(set, DType.MXFP4, Ending.STORE, rows, 11).withExponents(0, 1, 2, 3, 127, 253, 254)) {
        check(set, DType.MXFP4, tile);
        assertThat(tile.elementsInBlocks()).isDeepEqualTo(tile.elementsAsStored());
      }
    }
    try (TileCase tile = tile(set, DType.MXFP4, Ending.ADD, 2, 1).withExponents(255)) {
      check(set, DType.MXFP4, tile);
      for (float[] row : tile.simulated()) {
        assertThat(row).containsOnly(Float.NaN);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void what_is_no_number_stays_so_and_stays_in_its_row(InstructionSet set, DType dtype) {
    int columns = columns(dtype, 2);
    for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] row = new float[columns];
      Arrays.fill(row, 1);
      row[columns - 1] = odd;
      try (TileCase tile = tile(set, dtype, Ending.ADD, 3, 2, row)) {
        check(set, dtype, tile);
        float[][] results = tile.simulated();
        for (int lane = 0; lane < results[0].length; lane++) {
          assertThat(Float.isFinite(results[0][lane])).as("%s, %s", tile, odd).isFalse();
          assertThat(results[2][lane]).as("%s, %s", tile, odd).isFinite();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void results_are_as_near_to_those_of_float64_as_the_rounding_of_inputs_allows(
      InstructionSet set, DType dtype) {
    try (TileCase tile = tile(set, dtype, Ending.STORE, 2, 2)) {
      float[][] actual = tile.simulated();
      double[][] exact = tile.exact();
      double off = 0;
      double magnitude = 0;
      for (int lane = 0; lane < actual[0].length; lane++) {
        off += Math.pow(actual[0][lane] - exact[0][lane], 2);
        magnitude += Math.pow(exact[0][lane], 2);
      }
      double allowed =
          switch (TileCase.form(set, dtype)) {
            case BYTES -> 0.03;
            case BFLOATS -> 0.01;
            case FLOATS -> 1e-6;
          };
      assertThat(Math.sqrt(off / magnitude)).as("%s, seed %d", tile, SEED).isLessThan(allowed);
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void elements_are_found_again_in_their_block(InstructionSet set, DType dtype) {
    try (TileCase tile = tile(set, dtype, Ending.STORE, 1, 3)) {
      assertThat(tile.elementsInBlocks()).isDeepEqualTo(tile.elementsAsStored());
    }
  }
}
