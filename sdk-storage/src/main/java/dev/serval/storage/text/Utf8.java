package dev.serval.storage.text;

import dev.serval.api.storage.CheckpointException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Reads mapped bytes as UTF-8 without ever holding more of them than a buffer, but for whole texts.
 */
public final class Utf8 {
  private static final int STEP = 1 << 20;
  private static final int BUFFER = 8192;

  private Utf8() {}

  /**
   * Refuses what is not UTF-8.
   *
   * @param source what the bytes are, for messages
   * @param bytes the text
   * @throws CheckpointException when it is malformed, naming where
   */
  public static void require(String source, MemorySegment bytes) {
    CharsetDecoder decoder = strict();
    CharBuffer sink = CharBuffer.allocate((int) Math.min(BUFFER, bytes.byteSize() + 1));
    for (long at = 0; at < bytes.byteSize(); ) {
      long step = Math.min(STEP, bytes.byteSize() - at);
      ByteBuffer window = bytes.asSlice(at, step).asByteBuffer();
      boolean last = at + step == bytes.byteSize();
      CoderResult result = decode(decoder, window, sink, last);
      at += window.position();
      if (result.isError()) {
        throw new CheckpointException(
            "%s is not UTF-8: byte %d is 0x%02x"
                .formatted(source, at, bytes.get(ValueLayout.JAVA_BYTE, at)));
      }
    }
  }

  private static CoderResult decode(
      CharsetDecoder decoder, ByteBuffer window, CharBuffer sink, boolean last) {
    CoderResult result;
    do {
      sink.clear();
      result = decoder.decode(window, sink, last);
    } while (result.isOverflow());
    return result;
  }

  /**
   * The whole text.
   *
   * @param bytes what {@link #require} let pass
   * @return the text
   */
  public static String text(MemorySegment bytes) {
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  /**
   * The text, bit by bit.
   *
   * @param bytes less than 2 GiB
   * @return a reader that fails where the bytes are not UTF-8
   */
  static Reader reader(MemorySegment bytes) {
    return new InputStreamReader(new Bytes(bytes.asByteBuffer()), strict());
  }

  private static CharsetDecoder strict() {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT);
  }

  private static final class Bytes extends InputStream {
    private final ByteBuffer rest;

    Bytes(ByteBuffer rest) {
      this.rest = rest;
    }

    @Override
    public int read() {
      return rest.hasRemaining() ? rest.get() & 0xff : -1;
    }

    @Override
    public int read(byte[] into, int from, int most) {
      if (!rest.hasRemaining()) {
        return most == 0 ? 0 : -1;
      }
      int count = Math.min(most, rest.remaining());
      rest.get(into, from, count);
      return count;
    }
  }
}
