package dev.serval.models.text;

/**
 * Undoes the byte-level alphabet of GPT-2 (Radford et al., Language Models are Unsupervised
 * Multitask Learners, 2019): a token is spelt with one printable character for each byte. A token
 * with a character outside that alphabet is spelt as it reads.
 */
final class ByteLevelStage implements DecoderStage {
  private static final int SIZE = 324;
  private static final short[] BYTES = bytes();

  private final Utf8Text text = new Utf8Text(false);

  @Override
  public String next(String piece, boolean first) {
    boolean spelt = piece.chars().allMatch(c -> c < SIZE && BYTES[c] >= 0);
    if (spelt) {
      piece.chars().forEach(c -> text.add(BYTES[c]));
    } else {
      for (byte octet : piece.getBytes(java.nio.charset.StandardCharsets.UTF_8)) {
        text.add(octet & 0xFF);
      }
    }
    return text.take();
  }

  @Override
  public String finish() {
    text.breakOff();
    return text.take();
  }

  private static short[] bytes() {
    short[] bytes = new short[SIZE];
    java.util.Arrays.fill(bytes, (short) -1);
    int spare = 256;
    for (short octet = 0; octet < 256; octet++) {
      bytes[printable(octet) ? octet : spare++] = octet;
    }
    return bytes;
  }

  private static boolean printable(int octet) {
    return (octet > 0x20 && octet < 0x7F) || (octet > 0xA0 && octet != 0xAD);
  }
}
