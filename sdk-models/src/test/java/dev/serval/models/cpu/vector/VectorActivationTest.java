package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.testkit.ThreadMeter;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the Vector API makes of gates and ups, beside what plain Java does. */
@SuppressWarnings("NullAway.Init") // taken before each test
final class VectorActivationTest extends VectorCase {
  private static final int COUNT = 1300;
  private static final float[] ENDS = {7, -7, 0, -0f, 1e-30f, 60, -60, 1e30f, Float.MAX_VALUE};

  /** What two powers of e may differ by, and a few roundings, as a share. */
  private static final float APART = 1e-6f;

  /** By then all is compiled, on a slow machine as well. */
  private static final Duration WARM_UP = Duration.ofSeconds(20);

  private static final int RUN = 2000;

  private final ActivationKernel plain = new PlainTierSource().open(1).activation();
  private ActivationKernel vector;

  @BeforeEach
  void take() {
    vector = vectors.activation();
  }

  private CpuActivations gatesAndUps() {
    CpuActivations rows = room(2 * COUNT);
    for (int i = 0; i < 2 * COUNT; i++) {
      boolean end = random.nextInt(5) == 0;
      float value = end ? ENDS[random.nextInt(ENDS.length)] : 6 * (float) random.nextGaussian();
      rows.set(i, value);
    }
    return rows;
  }

  @ParameterizedTest
  @EnumSource
  void products_are_those_of_plain_java_but_for_the_rounding(GateFunction function) {
    CpuActivations in = gatesAndUps();
    CpuActivations expected = room(COUNT);
    CpuActivations actual = room(COUNT);
    plain.gate(function, in, 0, in, COUNT, expected, 0, COUNT, 0);
    vector.gate(function, in, 0, in, COUNT, actual, 0, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
      float right = expected.at(i);
      assertThat(actual.at(i))
          .as("seed %d, gate %s, up %s", SEED, in.at(i), in.at(COUNT + i))
          .isCloseTo(right, within(APART * Math.abs(right) + Float.MIN_NORMAL));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SILU", "GELU_TANH"})
  void an_up_that_is_a_negative_zero_stays_one_where_nothing_is_added_to_ups(
      GateFunction function) {
    CpuActivations in = room(2);
    in.set(0, 1);
    in.set(1, -0f);
    for (ActivationKernel kernel : List.of(plain, vector)) {
      CpuActivations out = room(1);
      kernel.gate(function, in, 0, in, 1, out, 0, 1, 0);
      assertThat(Float.floatToRawIntBits(out.at(0))).isEqualTo(Float.floatToRawIntBits(-0f));
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_gate_or_an_up_that_is_no_number_gives_none_and_spoils_no_other(GateFunction function) {
    CpuActivations in = gatesAndUps();
    CpuActivations clean = room(COUNT);
    CpuActivations actual = room(COUNT);
    vector.gate(function, in, 0, in, COUNT, clean, 0, COUNT, 0);
    for (int i = 0; i < COUNT; i += 3) {
      in.set(i % 2 == 0 ? i : COUNT + i, Float.NaN);
    }
    vector.gate(function, in, 0, in, COUNT, actual, 0, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
      float right = i % 3 == 0 ? Float.NaN : clean.at(i);
      assertThat(actual.at(i)).as("seed %d, %d", SEED, i).isEqualTo(Float.valueOf(right));
    }
  }

  @ParameterizedTest
  @EnumSource
  void what_has_no_gate_is_that_of_plain_java_but_for_the_rounding(UngatedFunction function) {
    CpuActivations in = gatesAndUps();
    in.set(5, Float.NaN);
    CpuActivations expected = room(2 * COUNT);
    CpuActivations actual = room(2 * COUNT);
    CpuActivations alone = room(1);
    plain.activate(function, in, 0, expected, 0, 2 * COUNT, 0);
    vector.activate(function, in, 0, actual, 0, 2 * COUNT, 0);
    for (int i = 0; i < 2 * COUNT; i++) {
      float right = expected.at(i);
      vector.activate(function, in, i, alone, 0, 1, 0);
      assertThat(Float.floatToIntBits(alone.at(0))).isEqualTo(Float.floatToIntBits(actual.at(i)));
      if (Float.isFinite(right)) {
        assertThat(actual.at(i))
            .as("seed %d, %s", SEED, in.at(i))
            .isCloseTo(right, within(APART * Math.abs(right) + apart(function)));
      } else {
        assertThat(actual.at(i)).as("seed %d, %s", SEED, in.at(i)).isEqualTo(Float.valueOf(right));
      }
    }
  }

  /** A tangent is a difference, so that little of it is rounded off as much as all. */
  private static float apart(UngatedFunction function) {
    return function == UngatedFunction.TANH ? 2e-7f : Float.MIN_NORMAL;
  }

  /** A kernel whose vectors become objects would be ten times slower. */
  @Tag("slow")
  @Tag("compiled")
  @ParameterizedTest
  @EnumSource
  void gates_that_are_compiled_take_nothing_from_the_heap_and_have_the_same_bits(
      GateFunction function) {
    CpuActivations in = gatesAndUps();
    in.set(1, Float.NaN);
    in.set(COUNT + 2, Float.NaN);
    CpuActivations before = room(COUNT);
    CpuActivations after = room(COUNT);
    vector.gate(function, in, 0, in, COUNT, before, 0, COUNT, 0);
    ThreadMeter meter = new ThreadMeter();
    long allocated = Long.MAX_VALUE;
    long end = System.nanoTime() + WARM_UP.toNanos();
    while (allocated >= RUN && System.nanoTime() < end) {
      long start = meter.allocatedBytes();
      for (int run = 0; run < RUN; run++) {
        vector.gate(function, in, 0, in, COUNT, after, 0, COUNT, 0);
      }
      allocated = meter.allocatedBytes() - start;
    }
    assertThat(allocated).as("bytes of %d times %d gates", RUN, COUNT).isLessThan(RUN);
    assertThat(after.data().toArray(ValueLayout.JAVA_FLOAT))
        .isEqualTo(before.data().toArray(ValueLayout.JAVA_FLOAT));
  }

  @ParameterizedTest
  @EnumSource
  void a_product_has_the_same_bits_alone_and_among_others(GateFunction function) {
    CpuActivations in = gatesAndUps();
    CpuActivations together = room(COUNT);
    CpuActivations alone = room(1);
    vector.gate(function, in, 0, in, COUNT, together, 0, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
      vector.gate(function, in, i, in, COUNT + i, alone, 0, 1, 0);
      assertThat(Float.floatToIntBits(together.at(i)))
          .as("seed %d, gate %s, up %s", SEED, in.at(i), in.at(COUNT + i))
          .isEqualTo(Float.floatToIntBits(alone.at(0)));
    }
  }
}
