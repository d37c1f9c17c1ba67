package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What attention does between its products, simulated, and with the same bits by the processor
 * where it has the instructions.
 */
final class AttentionRoutinesTest {
  private static final float SCALE = 0.125f;
  private static final int VECTORS = 3;
  private static final int GROUP = ActivationGroup.COLUMNS;

  private final Random random = new Random(20261127);
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private static boolean runsHere() {
    return InstructionSets.here(InstructionSet.AVX512_BF16);
  }

  private static MemorySegment code(List<Instruction> routine) {
    return MachineCode.of(List.of(routine)).routine(0);
  }

  private MemorySegment floats(float... values) {
    return copy(MemorySegment.ofArray(values));
  }

  private MemorySegment copy(MemorySegment from) {
    return arena.allocate(from.byteSize(), 64).copyFrom(from);
  }

  @Test
  void rows_are_put_together_in_pairs() {
    int pairs = 5;
    int blocks = 3;
    short[] rows = new short[2 * pairs * blocks * 16];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (short) random.nextInt();
    }
    short[] expected = new short[rows.length];
    for (int i = 0; i < rows.length; i++) {
      int block = i / (pairs * 32);
      int pair = i / 32 % pairs;
      expected[i] = rows[(2 * pair + i % 2) * blocks * 16 + block * 16 + i % 32 / 2];
    }
    MemorySegment source = copy(MemorySegment.ofArray(rows));
    MemorySegment simulated = arena.allocate(source.byteSize(), 64);
    SimulatedMemory memory = new SimulatedMemory();
    long from = memory.place(source, false);
    long to = memory.place(simulated, true);
    List<Instruction> routine = AttentionRoutines.pairs();
    new Machine(memory).call(routine, from, to, pairs, blocks * 32L, blocks, pairs * 64L);
    assertThat(simulated.toArray(ValueLayout.JAVA_SHORT)).isEqualTo(expected);
    if (runsHere()) {
      MemorySegment executed = arena.allocate(source.byteSize(), 64);
      NativeCalls.pairs(
          code(routine),
          source.address(),
          executed.address(),
          pairs,
          blocks * 32L,
          blocks,
          pairs * 64L);
      assertThat(executed.toArray(ValueLayout.JAVA_SHORT)).isEqualTo(expected);
    }
  }

  /** A query before and after a stretch. */
  private record Query(MemorySegment weights, MemorySegment state, MemorySegment output) {
    float weight(int position) {
      short bits = weights.getAtIndex(ValueLayout.JAVA_SHORT, position);
      return Float.intBitsToFloat(bits << Short.SIZE);
    }

    float maximum() {
      return state.get(ValueLayout.JAVA_FLOAT, AttentionRoutines.MAXIMUM);
    }

    float sum() {
      return state.get(ValueLayout.JAVA_FLOAT, AttentionRoutines.SUM);
    }

    float output(int index) {
      return output.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    int[] numbers() {
      return state.asSlice(0, 12).toArray(ValueLayout.JAVA_INT);
    }
  }

  private Query query(int positions, float maximum, float sum) {
    MemorySegment state = arena.allocate(AttentionRoutines.STATE_BYTES, 64);
    state.set(ValueLayout.JAVA_FLOAT, AttentionRoutines.SCALE, SCALE);
    state.set(ValueLayout.JAVA_FLOAT, AttentionRoutines.MAXIMUM, maximum);
    state.set(ValueLayout.JAVA_FLOAT, AttentionRoutines.SUM, sum);
    float[] output = new float[VECTORS * 16];
    for (int i = 0; i < output.length; i++) {
      output[i] = i - 20;
    }
    return new Query(arena.allocate(positions * 2L, 64), state, floats(output));
  }

  private Query weigh(float[] scores, float maximum, float sum) {
    Query simulated = query(scores.length, maximum, sum);
    SimulatedMemory memory = new SimulatedMemory();
    long from = memory.place(floats(scores), false);
    long weights = memory.place(simulated.weights, true);
    long state = memory.place(simulated.state, true);
    long output = memory.place(simulated.output, true);
    List<Instruction> routine = AttentionRoutines.weigh();
    int groups = scores.length / GROUP;
    new Machine(memory).call(routine, from, weights, groups, 64, state, output, VECTORS);
    if (runsHere()) {
      Query executed = query(scores.length, maximum, sum);
      NativeCalls.weigh(
          code(routine),
          floats(scores).address(),
          executed.weights.address(),
          groups,
          64,
          executed.state.address(),
          executed.output.address(),
          VECTORS);
      assertThat(executed.weights.mismatch(simulated.weights)).isEqualTo(-1);
      assertThat(executed.output.mismatch(simulated.output)).isEqualTo(-1);
      assertThat(executed.numbers()).isEqualTo(simulated.numbers());
    }
    return simulated;
  }

  private float[] scores(int positions) {
    float[] scores = new float[positions];
    for (int i = 0; i < positions; i++) {
      scores[i] = (float) (60 * random.nextGaussian());
    }
    return scores;
  }

  private static float greatest(float[] scores) {
    float greatest = Float.NEGATIVE_INFINITY;
    for (float score : scores) {
      greatest = Math.max(greatest, score);
    }
    return greatest;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 8})
  void weights_are_powers_of_e_and_what_was_added_up_before_is_scaled_down(int groups) {
    float[] scores = scores(groups * GROUP);
    float greatest = greatest(scores) * SCALE;
    for (float before : new float[] {greatest - 3, greatest + 2}) {
      Query query = weigh(scores, before, 1.5f);
      double maximum = Math.max(greatest, before);
      double factor = Math.exp(before - maximum);
      double sum = 1.5 * factor;
      for (int i = 0; i < scores.length; i++) {
        double weight = Math.exp(scores[i] * (double) SCALE - maximum);
        assertThat((double) query.weight(i)).isCloseTo(weight, within(weight * 0x1.1p-8));
        sum += weight;
      }
      assertThat((double) query.maximum()).isEqualTo(maximum);
      assertThat((double) query.sum()).isCloseTo(sum, within(sum * 1e-5));
      for (int i = 0; i < VECTORS * 16; i++) {
        double output = (i - 20) * factor;
        assertThat((double) query.output(i)).isCloseTo(output, within(1e-5 * Math.abs(output)));
      }
    }
  }

  @Test
  void positions_that_are_not_seen_change_no_bit() {
    float[] seen = scores(GROUP);
    float[] more = Arrays.copyOf(seen, 4 * GROUP);
    Arrays.fill(more, GROUP, more.length, Float.NEGATIVE_INFINITY);
    Query alone = weigh(seen, -2, 3);
    Query among = weigh(more, -2, 3);
    assertThat(among.numbers()).isEqualTo(alone.numbers());
    assertThat(among.output.mismatch(alone.output)).isEqualTo(-1);
    for (int i = 0; i < more.length; i++) {
      assertThat(among.weight(i)).isEqualTo(i < GROUP ? alone.weight(i) : 0);
    }
  }

  @Test
  void a_stretch_of_which_nothing_is_seen_leaves_all_as_it_was() {
    float[] unseen = new float[2 * GROUP];
    Arrays.fill(unseen, Float.NEGATIVE_INFINITY);
    Query later = weigh(unseen, 1.25f, 3);
    assertThat(later.maximum()).isEqualTo(1.25f);
    assertThat(later.sum()).isEqualTo(3);
    assertThat(later.output(47)).isEqualTo(27);
    Query first = weigh(unseen, -Float.MAX_VALUE, 0);
    assertThat(first.sum()).isZero();
    assertThat(first.maximum()).isLessThan(-1e30f);
  }

  @Test
  void a_score_that_is_no_number_is_not_swallowed() {
    float[] scores = scores(2 * GROUP);
    scores[40] = Float.NaN;
    Query query = weigh(scores, 0, 1);
    assertThat(query.weight(40)).isNaN();
    assertThat(query.sum()).isNaN();
  }

  @Test
  void outputs_are_divided() {
    float[] values = new float[32];
    float[] expected = new float[32];
    for (int i = 0; i < values.length; i++) {
      values[i] = i * 1.1f;
      expected[i] = values[i] / 0.7f;
    }
    MemorySegment simulated = arena.allocate(128, 64);
    SimulatedMemory memory = new SimulatedMemory();
    long from = memory.place(floats(values), false);
    long to = memory.place(simulated, true);
    long divisor = memory.place(floats(0.7f), false);
    new Machine(memory).call(AttentionRoutines.divide(), from, to, 2, divisor);
    assertThat(simulated.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected);
    if (runsHere()) {
      MemorySegment executed = arena.allocate(128, 64);
      NativeCalls.divide(
          code(AttentionRoutines.divide()),
          floats(values).address(),
          executed.address(),
          2,
          floats(0.7f).address());
      assertThat(executed.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected);
    }
  }
}
