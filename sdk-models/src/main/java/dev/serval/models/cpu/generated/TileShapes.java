package dev.serval.models.cpu.generated;

import java.util.Arrays;
import java.util.List;

/**
 * How large tile registers are.
 *
 * @param shapes the size of each, from the first on; others are not used
 */
record TileShapes(List<Shape> shapes) {
  private static final int PALETTE = 1;
  private static final int BYTES_AT = 16;
  private static final int ROWS_AT = 48;
  private static final int SIZE = 64;

  /**
   * The size of a register.
   *
   * @param rows up to 16
   * @param bytes of a row, up to 64
   */
  record Shape(int rows, int bytes) {}

  TileShapes {
    shapes = List.copyOf(shapes);
  }

  /** What the processor is told, as words of 32 bits. */
  int[] words() {
    byte[] bytes = new byte[SIZE];
    bytes[0] = PALETTE;
    for (int i = 0; i < shapes.size(); i++) {
      bytes[BYTES_AT + Short.BYTES * i] = (byte) shapes.get(i).bytes();
      bytes[ROWS_AT + i] = (byte) shapes.get(i).rows();
    }
    int[] words = new int[SIZE / Integer.BYTES];
    Arrays.setAll(words, i -> word(bytes, Integer.BYTES * i));
    return words;
  }

  private static int word(byte[] bytes, int at) {
    return (bytes[at] & 0xFF)
        | (bytes[at + 1] & 0xFF) << 8
        | (bytes[at + 2] & 0xFF) << 16
        | bytes[at + 3] << 24;
  }
}
