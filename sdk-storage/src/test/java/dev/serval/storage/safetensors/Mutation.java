package dev.serval.storage.safetensors;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Changes a file at random: some bits of it, or something that a reader will look at. */
final class Mutation {
  private static final Pattern NUMBER = Pattern.compile("\\d+");
  private static final Pattern TOKEN = Pattern.compile("\"[^\"]*\"|\\d+|[\\[\\]{}:,]");
  private static final List<String> NUMBERS =
      List.of(
          "0",
          "1",
          "2",
          "3",
          "4",
          "7",
          "8",
          "63",
          "64",
          "255",
          "65536",
          "2147483647",
          "2147483648",
          "4294967296",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551615",
          "-1",
          "-0",
          "1e3",
          "1.5",
          "null",
          "1e999");
  private static final List<String> TOKENS =
      List.of(
          "\"F32\"",
          "\"F16\"",
          "\"BF16\"",
          "\"I64\"",
          "\"F4\"",
          "\"BOOL\"",
          "\"dtype\"",
          "\"shape\"",
          "\"data_offsets\"",
          "\"__metadata__\"",
          "\"weight_map\"",
          "\"\"",
          "\"..\"",
          "\"/\"",
          "{}",
          "[]",
          "[0]",
          "null",
          "true",
          "{",
          "}",
          "[",
          "]",
          ":",
          ",",
          "\u0000",
          "\u00ff",
          " ",
          "\"\\ud800\"");
  private static final int PREFIX = Long.BYTES;

  private final Random random;

  Mutation(Random random) {
    this.random = random;
  }

  /** A JSON file, changed. */
  byte[] ofJson(byte[] json) {
    return switch (random.nextInt(4)) {
      case 0 -> ofBytes(json);
      case 1 -> text(json, NUMBER, NUMBERS);
      case 2 -> text(json, TOKEN, TOKENS);
      default -> twoTokensSwapped(json);
    };
  }

  /** A weights file, changed. */
  byte[] ofWeights(byte[] file) {
    return switch (random.nextInt(5)) {
      case 0 -> ofBytes(file);
      case 1 -> withLength(file, Long.parseUnsignedLong(NUMBERS.get(random.nextInt(17))));
      default -> withHeader(file, ofJson(header(file)));
    };
  }

  private static byte[] header(byte[] file) {
    return Arrays.copyOfRange(file, PREFIX, PREFIX + Math.toIntExact(little(file).getLong(0)));
  }

  private static ByteBuffer little(byte[] file) {
    return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] withLength(byte[] file, long length) {
    byte[] changed = file.clone();
    little(changed).putLong(0, length);
    return changed;
  }

  private static byte[] withHeader(byte[] file, byte[] header) {
    int data = PREFIX + header(file).length;
    byte[] changed = new byte[PREFIX + header.length + file.length - data];
    little(changed).putLong(header.length).put(header).put(file, data, file.length - data);
    return changed;
  }

  private byte[] ofBytes(byte[] file) {
    byte[] changed =
        switch (random.nextInt(4)) {
          case 0 -> Arrays.copyOf(file, random.nextInt(file.length));
          case 1 -> Arrays.copyOf(file, file.length + 1 + random.nextInt(20));
          default -> file.clone();
        };
    for (int flips = random.nextInt(4); flips > 0 && changed.length > 0; flips--) {
      changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return changed;
  }

  private byte[] text(byte[] json, Pattern what, List<String> replacements) {
    String text = new String(json, ISO_8859_1);
    List<MatchResult> found = what.matcher(text).results().toList();
    MatchResult chosen = found.get(random.nextInt(found.size()));
    String replacement = replacements.get(random.nextInt(replacements.size()));
    return (text.substring(0, chosen.start()) + replacement + text.substring(chosen.end()))
        .getBytes(ISO_8859_1);
  }

  private byte[] twoTokensSwapped(byte[] json) {
    String text = new String(json, ISO_8859_1);
    List<MatchResult> found = TOKEN.matcher(text).results().toList();
    MatchResult a = found.get(random.nextInt(found.size()));
    MatchResult b = found.get(random.nextInt(found.size()));
    if (a.start() == b.start()) {
      return ofBytes(json);
    }
    return a.start() < b.start() ? swapped(text, a, b) : swapped(text, b, a);
  }

  private static byte[] swapped(String text, MatchResult first, MatchResult second) {
    return (text.substring(0, first.start())
            + second.group()
            + text.substring(first.end(), second.start())
            + first.group()
            + text.substring(second.end()))
        .getBytes(ISO_8859_1);
  }
}
