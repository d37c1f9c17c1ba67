package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.plain.PlainRowKernel;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the Vector API makes of rows has the bits that plain Java gives them. */
@SuppressWarnings("NullAway.Init") // taken before each test
final class VectorRowsTest extends VectorCase {
  private static final int ROOM = 4096;
  private static final float[] ODD = {
    Float.NaN,
    Float.intBitsToFloat(0x7F80_0001),
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MIN_VALUE,
    -Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -0f,
    Float.intBitsToFloat(0x3F80_8000),
    Float.intBitsToFloat(0x3F81_8000)
  };

  private final RowKernel plain = new PlainRowKernel();
  private RowKernel vector;

  @BeforeEach
  void take() {
    vector = vectors.rows();
  }

  private CpuActivations room() {
    return room(ROOM);
  }

  private CpuActivations random() {
    CpuActivations rows = room();
    for (int i = 0; i < ROOM; i++) {
      rows.set(i, (float) random.nextGaussian());
    }
    return rows;
  }

  private CpuActivations copy(CpuActivations rows) {
    CpuActivations copy = room();
    copy.data().copyFrom(rows.data());
    return copy;
  }

  private static void assertSameBits(CpuActivations actual, CpuActivations expected) {
    assertThat(actual.data().toArray(ValueLayout.JAVA_INT))
        .isEqualTo(expected.data().toArray(ValueLayout.JAVA_INT));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 16, 64, 65, 96, 128, 576, 1023})
  void norms_of_any_width_have_the_same_bits(int columns) {
    CpuActivations in = random();
    MemorySegment gains = random().data();
    CpuActivations expected = room();
    CpuActivations actual = room();
    for (boolean add : new boolean[] {false, true}) {
      plain.normalise(in, 5, gains, columns, 1e-5f, add, expected, 7);
      vector.normalise(in, 5, gains, columns, 1e-5f, add, actual, 7);
    }
    assertSameBits(actual, expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 16, 64, 65, 96, 128, 576, 1023})
  void layer_norms_of_any_width_have_the_same_bits(int columns) {
    CpuActivations in = random();
    MemorySegment gains = random().data();
    CpuActivations expected = room();
    CpuActivations actual = room();
    for (MemorySegment bias : Arrays.asList(null, random().data())) {
      for (boolean add : new boolean[] {false, true}) {
        plain.centre(in, 5, gains, bias, columns, 1e-5f, add, expected, 7);
        vector.centre(in, 5, gains, bias, columns, 1e-5f, add, actual, 7);
        assertSameBits(actual, expected);
      }
    }
    plain.centre(in, 3, gains, gains, columns, 1e-5f, false, expected, 3);
    vector.centre(in, 3, gains, gains, columns, 1e-5f, false, in, 3);
    assertThat(in.data().asSlice(12, 4L * columns).toArray(ValueLayout.JAVA_INT))
        .isEqualTo(expected.data().asSlice(12, 4L * columns).toArray(ValueLayout.JAVA_INT));
  }

  @Test
  void a_norm_may_take_the_place_of_its_input() {
    CpuActivations expected = random();
    CpuActivations actual = copy(expected);
    MemorySegment gains = random().data();
    plain.normalise(expected, 3, gains, 77, 1e-6f, false, expected, 3);
    vector.normalise(actual, 3, gains, 77, 1e-6f, false, actual, 3);
    assertSameBits(actual, expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 64, 130})
  void products_of_rows_have_the_same_bits(int columns) {
    MemorySegment by = random().data();
    CpuActivations expected = random();
    CpuActivations actual = copy(expected);
    plain.multiply(by, 5, expected, 9, columns, expected, 9);
    vector.multiply(by, 5, actual, 9, columns, actual, 9);
    assertSameBits(actual, expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 16, 65, 130, 1023})
  void means_and_what_is_above_something_have_the_same_bits(int columns) {
    CpuActivations expected = random();
    CpuActivations actual = copy(expected);
    float mean = plain.mean(expected, 5, columns);
    assertThat(vector.mean(actual, 5, columns)).isEqualTo(mean);
    assertThat(vector.meanSquare(actual, 5, mean, columns))
        .isEqualTo(plain.meanSquare(expected, 5, mean, columns));
    expected.set(5, Float.NaN);
    actual.set(5, Float.NaN);
    plain.keepAbove(expected, 5, columns, mean);
    vector.keepAbove(actual, 5, columns, mean);
    assertSameBits(actual, expected);
  }

  @ParameterizedTest
  @CsvSource({"1,false", "5,true", "16,false", "16,true", "20,false", "32,true", "64,false"})
  void turned_heads_have_the_same_bits(int pairs, boolean neighbours) {
    float[] angles = new float[3 + 2 * pairs];
    for (int i = 0; i < angles.length; i++) {
      angles[i] = 2 * random.nextFloat() - 1;
    }
    CpuActivations expected = random();
    CpuActivations actual = copy(expected);
    plain.turn(expected, 11, angles, 3, pairs, neighbours);
    vector.turn(actual, 11, angles, 3, pairs, neighbours);
    assertSameBits(actual, expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 64, 128, 130})
  void numbers_and_what_is_none_are_rounded_to_the_same_bits(int count) {
    CpuActivations in = random();
    for (int i = 0; i < count; i += 3) {
      in.set(9 + i, ODD[random.nextInt(ODD.length)]);
    }
    short[] expected = new short[count];
    short[] actual = new short[count];
    plain.round(in, 9, expected, count);
    vector.round(in, 9, actual, count);
    assertThat(actual).isEqualTo(expected);
  }
}
