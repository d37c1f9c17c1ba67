package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.models.cpu.generated.Operand.TileRegister;
import java.util.Arrays;
import java.util.List;

/** The tile registers of a {@link Machine}, and what the manual says of them. */
final class Tiles {
  private static final int REGISTERS = 8;
  private static final int ROWS = 16;
  private static final int WORDS = 16;

  private final int[][][] words = new int[REGISTERS][ROWS][WORDS];
  private List<TileShapes.Shape> shapes = List.of();

  void shape(TileShapes to) {
    shapes = to.shapes();
    for (TileShapes.Shape shape : shapes) {
      assertThat(shape.rows()).isBetween(1, ROWS);
      assertThat(shape.bytes()).isBetween(1, WORDS * Integer.BYTES);
      assertThat(shape.bytes() % Integer.BYTES).isZero();
    }
    for (int[][] register : words) {
      zero(register);
    }
  }

  void release() {
    shapes = List.of();
  }

  private TileShapes.Shape shape(TileRegister register) {
    assertThat(register.number()).as("configured").isLessThan(shapes.size());
    return shapes.get(register.number());
  }

  private int columns(TileRegister register) {
    return shape(register).bytes() / Integer.BYTES;
  }

  private static void zero(int[][] register) {
    for (int[] row : register) {
      Arrays.fill(row, 0);
    }
  }

  void load(TileRegister target, long at, long stride, SimulatedMemory memory) {
    zero(words[target.number()]);
    for (int row = 0; row < shape(target).rows(); row++) {
      for (int i = 0; i < columns(target); i++) {
        words[target.number()][row][i] = memory.load(at + row * stride + 4L * i);
      }
    }
  }

  void store(TileRegister source, long at, long stride, SimulatedMemory memory) {
    for (int row = 0; row < shape(source).rows(); row++) {
      for (int i = 0; i < columns(source); i++) {
        memory.store(at + row * stride + 4L * i, words[source.number()][row][i]);
      }
    }
  }

  void multiply(TileRegister target, TileRegister first, TileRegister second) {
    assertThat(shape(first).rows()).as("rows").isEqualTo(shape(target).rows());
    assertThat(columns(second)).as("columns").isEqualTo(columns(target));
    assertThat(shape(second).rows()).as("inner").isEqualTo(columns(first));
    for (int row = 0; row < shape(target).rows(); row++) {
      for (int column = 0; column < columns(target); column++) {
        int[] sum = words[target.number()][row];
        float products = products(words[first.number()][row], words[second.number()], column);
        float flushed = Machine.flush(sum[column]) + products;
        sum[column] = flushed(flushed);
      }
    }
  }

  /** Lower and upper halves apart, each in the order of pairs. */
  private static float products(int[] first, int[][] second, int column) {
    int lower = 0;
    int upper = 0;
    for (int pair = 0; pair < first.length; pair++) {
      lower = fused(first[pair] << 16, second[pair][column] << 16, lower);
      upper = fused(first[pair] & 0xFFFF0000, second[pair][column] & 0xFFFF0000, upper);
    }
    return Machine.flush(flushed(Float.intBitsToFloat(lower) + Float.intBitsToFloat(upper)));
  }

  /** Numbers too small to be normal count as 0. */
  private static int fused(int a, int b, int sum) {
    return flushed(Math.fma(Machine.flush(a), Machine.flush(b), Machine.flush(sum)));
  }

  private static int flushed(float value) {
    return Float.floatToRawIntBits(Machine.flush(Float.floatToRawIntBits(value)));
  }
}
