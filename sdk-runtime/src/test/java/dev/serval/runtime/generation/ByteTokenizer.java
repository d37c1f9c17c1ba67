package dev.serval.runtime.generation;

import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** A token for each byte of UTF-8, and two special ones. */
final class ByteTokenizer implements Tokenizer {
  static final int BEGIN = 256;
  static final int END = 257;

  @Override
  public int vocabulary() {
    return 258;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int shift = addSpecialTokens ? 1 : 0;
    int[] ids = new int[bytes.length + shift];
    for (int i = 0; i < bytes.length; i++) {
      ids[i + shift] = bytes[i] & 0xFF;
    }
    if (addSpecialTokens) {
      ids[0] = BEGIN;
    }
    return ids;
  }

  @Override
  public String decode(List<Integer> ids, boolean skipSpecialTokens) {
    byte[] bytes = new byte[ids.size()];
    int length = 0;
    for (int id : ids) {
      if (!special(id)) {
        bytes[length++] = (byte) id;
      }
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }

  @Override
  public String text(int id) {
    return special(id) ? "<" + id + ">" : decode(List.of(id), true);
  }

  @Override
  public boolean special(int id) {
    return id >= BEGIN;
  }

  @Override
  public Set<Integer> endOfSequence() {
    return Set.of(END);
  }

  @Override
  public OptionalInt beginningOfSequence() {
    return OptionalInt.of(BEGIN);
  }

  @Override
  public TokenDecoder decoder() {
    return new Decoder();
  }

  private final class Decoder implements TokenDecoder {
    private final CharsetDecoder utf8 =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private final ByteBuffer bytes = ByteBuffer.allocate(8);

    @Override
    public String next(int id) {
      if (special(id)) {
        return "";
      }
      bytes.put((byte) id);
      return decode(false);
    }

    @Override
    public String finish() {
      return decode(true);
    }

    private String decode(boolean end) {
      CharBuffer chars = CharBuffer.allocate(16);
      bytes.flip();
      utf8.decode(bytes, chars, end);
      bytes.compact();
      return chars.flip().toString();
    }
  }
}
