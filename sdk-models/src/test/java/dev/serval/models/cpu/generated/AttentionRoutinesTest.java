package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.models.cpu.attention.AttentionSums;
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
  private static final int DIMENSIONS = 48;
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

  /** What became of a query's scores. */
  private record Query(MemorySegment weights, MemorySegment sums) {
    float weight(int position) {
      short bits = weights.getAtIndex(ValueLayout.JAVA_SHORT, position);
      return Float.intBitsToFloat(bits << Short.SIZE);
    }

    float maximum() {
      return sums.get(ValueLayout.JAVA_FLOAT, AttentionSums.MAXIMUM);
    }

    float sum() {
      return sums.get(ValueLayout.JAVA_FLOAT, AttentionSums.SUM);
    }
  }

  private MemorySegment constants() {
    MemorySegment constants = arena.allocate(AttentionRoutines.CONSTANTS_BYTES, 64);
    constants.set(ValueLayout.JAVA_FLOAT, AttentionRoutines.SCALE, SCALE);
    return constants;
  }

  private Query query(int positions) {
    return new Query(arena.allocate(positions * 2L, 64), arena.allocate(64, 64));
  }

  private Query weigh(float[] scores) {
    Query simulated = query(scores.length);
    SimulatedMemory memory = new SimulatedMemory();
    long from = memory.place(floats(scores), false);
    long weights = memory.place(simulated.weights, true);
    long constants = memory.place(constants(), true);
    long sums = memory.place(simulated.sums, true);
    List<Instruction> routine = AttentionRoutines.weigh();
    int groups = scores.length / GROUP;
    new Machine(memory).call(routine, from, weights, groups, 64, constants, sums);
    if (runsHere()) {
      Query executed = query(scores.length);
      NativeCalls.weigh(
          code(routine),
          floats(scores).address(),
          executed.weights.address(),
          groups,
          64,
          constants().address(),
          executed.sums.address());
      assertThat(executed.weights.mismatch(simulated.weights)).isEqualTo(-1);
      assertThat(executed.sums.mismatch(simulated.sums)).isEqualTo(-1);
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
  void weights_are_powers_of_e_and_so_is_their_sum(int groups) {
    float[] scores = scores(groups * GROUP);
    Query query = weigh(scores);
    double maximum = greatest(scores) * SCALE;
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      double weight = Math.exp(scores[i] * (double) SCALE - maximum);
      assertThat((double) query.weight(i)).isCloseTo(weight, within(weight * 0x1.1p-8));
      sum += weight;
    }
    assertThat((double) query.maximum()).isEqualTo(maximum);
    assertThat((double) query.sum()).isCloseTo(sum, within(sum * 1e-5));
  }

  @Test
  void positions_that_are_not_seen_change_no_bit() {
    float[] seen = scores(GROUP);
    float[] more = Arrays.copyOf(seen, 4 * GROUP);
    Arrays.fill(more, GROUP, more.length, Float.NEGATIVE_INFINITY);
    Query alone = weigh(seen);
    Query among = weigh(more);
    assertThat(among.sums.mismatch(alone.sums)).isEqualTo(-1);
    for (int i = 0; i < more.length; i++) {
      assertThat(among.weight(i)).isEqualTo(i < GROUP ? alone.weight(i) : 0);
    }
  }

  @Test
  void a_stretch_of_which_nothing_is_seen_has_no_weights_and_no_sum() {
    float[] unseen = new float[2 * GROUP];
    Arrays.fill(unseen, Float.NEGATIVE_INFINITY);
    Query query = weigh(unseen);
    assertThat(query.sum()).isZero();
    assertThat(query.maximum()).isLessThan(-1e30f).isFinite();
    for (int i = 0; i < unseen.length; i++) {
      assertThat(query.weight(i)).isZero();
    }
  }

  @Test
  void a_score_that_is_no_number_is_not_swallowed() {
    float[] scores = scores(2 * GROUP);
    scores[40] = Float.NaN;
    Query query = weigh(scores);
    assertThat(query.weight(40)).isNaN();
    assertThat(query.sum()).isNaN();
  }

  /** Sums of queries, one after the other: a largest score, a sum of weights, an output. */
  private MemorySegment sums(float[]... queries) {
    MemorySegment sums = arena.allocate(queries.length * AttentionSums.bytes(DIMENSIONS), 64);
    for (int query = 0; query < queries.length; query++) {
      MemorySegment one = sums.asSlice(query * AttentionSums.bytes(DIMENSIONS));
      one.set(ValueLayout.JAVA_FLOAT, AttentionSums.MAXIMUM, queries[query][0]);
      one.set(ValueLayout.JAVA_FLOAT, AttentionSums.SUM, queries[query][1]);
      for (int dim = 0; dim < DIMENSIONS; dim++) {
        one.set(
            ValueLayout.JAVA_FLOAT,
            AttentionSums.OUTPUT + (long) dim * Float.BYTES,
            queries[query][2] + dim);
      }
    }
    return sums;
  }

  private static float[] numbers(MemorySegment sums, int query) {
    MemorySegment one =
        sums.asSlice(query * AttentionSums.bytes(DIMENSIONS), AttentionSums.bytes(DIMENSIONS));
    float[] numbers = one.toArray(ValueLayout.JAVA_FLOAT);
    numbers[2] = one.get(ValueLayout.JAVA_FLOAT, AttentionSums.OUTPUT);
    numbers[3] = numbers[numbers.length - 1];
    return Arrays.copyOf(numbers, 4);
  }

  /** Adds so many sums to as many others, or all to the same. */
  private MemorySegment merge(MemorySegment before, MemorySegment added, boolean toOne) {
    long bytes = AttentionSums.bytes(DIMENSIONS);
    long times = added.byteSize() / bytes;
    long step = toOne ? 0 : bytes;
    MemorySegment simulated = copy(before);
    SimulatedMemory memory = new SimulatedMemory();
    long to = memory.place(simulated, true);
    long from = memory.place(added, false);
    List<Instruction> routine = AttentionRoutines.merge();
    new Machine(memory).call(routine, to, from, times, step, bytes, DIMENSIONS / 16);
    if (runsHere()) {
      MemorySegment executed = copy(before);
      NativeCalls.merge(
          code(routine), executed.address(), added.address(), times, step, bytes, DIMENSIONS / 16);
      assertThat(executed.mismatch(simulated)).isEqualTo(-1);
    }
    return simulated;
  }

  @Test
  void sums_of_stretches_are_added_and_those_with_the_smaller_maximum_scaled_down() {
    MemorySegment merged =
        merge(
            sums(new float[] {1, 2, 10}, new float[] {3, 4, 20}),
            sums(new float[] {2, 5, 30}, new float[] {1.5f, 6, 40}),
            false);
    float first = (float) Math.exp(-1);
    float second = (float) Math.exp(-1.5);
    float last = DIMENSIONS - 1;
    assertThat(numbers(merged, 0))
        .containsExactly(
            new float[] {2, 2 * first + 5, 10 * first + 30, (10 + last) * first + 30 + last},
            within(1e-4f));
    assertThat(numbers(merged, 1))
        .containsExactly(
            new float[] {3, 4 + 6 * second, 20 + 40 * second, 20 + last + (40 + last) * second},
            within(1e-4f));
  }

  @Test
  void several_stretches_are_added_to_one_in_their_order() {
    float[] nothing = {-Float.MAX_VALUE, 0, 0};
    float[][] stretches = {{1, 2, 10}, {4, 5, 30}, {3, 6, 50}};
    MemorySegment together = merge(sums(nothing), sums(stretches), true);
    MemorySegment single = sums(nothing);
    for (float[] stretch : stretches) {
      single = merge(single, sums(stretch), true);
    }
    assertThat(together.mismatch(single)).isEqualTo(-1);
    assertThat(numbers(together, 0)[0]).isEqualTo(4);
  }

  @Test
  void stretches_of_which_nothing_is_seen_change_no_bit() {
    float[] unseen = {-Float.MAX_VALUE / 8, 0, 0};
    float[] seen = {-3, 2.5f, 7};
    MemorySegment zeros = sums(unseen);
    zeros.asSlice(AttentionSums.OUTPUT).fill((byte) 0);
    MemorySegment before = sums(seen);
    assertThat(merge(before, zeros, false).mismatch(before)).isEqualTo(-1);
    MemorySegment first = merge(zeros, before, false);
    assertThat(first.mismatch(before)).isEqualTo(-1);
  }

  @Test
  void a_sink_that_others_are_added_to_takes_its_share_of_the_weights() {
    MemorySegment sinks = sums(new float[] {0.5f, 1, 0}, new float[] {Float.NaN, 1, 0});
    sinks.asSlice(AttentionSums.OUTPUT, DIMENSIONS * Float.BYTES).fill((byte) 0);
    MemorySegment merged =
        merge(sinks, sums(new float[] {-1, 3, 10}, new float[] {-1, 3, 10}), false);
    float share = (float) Math.exp(-1.5);
    float last = DIMENSIONS - 1;
    assertThat(numbers(merged, 0))
        .containsExactly(
            new float[] {0.5f, 1 + 3 * share, 10 * share, (10 + last) * share}, within(1e-4f));
    assertThat(numbers(merged, 1)[1]).isNaN();
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
