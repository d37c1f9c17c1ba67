package dev.serval.storage.gguf.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.text.Utf8;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Walks a file from front to back. Whatever is asked for is there, or the file is refused with what
 * it was and where; nothing is allocated for a length before that many bytes are known to follow.
 */
final class GgufCursor {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MappedFile file;
  private long at;

  GgufCursor(MappedFile file) {
    this.file = file;
  }

  long at() {
    return at;
  }

  long remaining() {
    return file.size() - at;
  }

  /** Takes bytes as they are. */
  MemorySegment bytes(long count, String what) {
    requireRemaining(count, what);
    MemorySegment taken = file.bytes().asSlice(at, count);
    at += count;
    return taken;
  }

  /** All that was taken from some byte on. */
  MemorySegment since(long from) {
    return file.bytes().asSlice(from, at - from);
  }

  long uint32(String what) {
    return Integer.toUnsignedLong(bytes(Integer.BYTES, what).get(INT, 0));
  }

  /** A number that the format has in 64 bits without a sign; larger than 63 bits it has no use. */
  long uint63(String what) {
    long value = bytes(Long.BYTES, what).get(LONG, 0);
    if (value < 0) {
      throw problem(what + " is " + Long.toUnsignedString(value) + ", which no file can hold");
    }
    return value;
  }

  /** How many of something follow, each of which takes at least so many bytes. */
  long count(String what, long leastBytes) {
    long count = uint63(what);
    if (count > remaining() / leastBytes) {
      throw problem(
          "%s is %d; the %d bytes that follow have room for %d"
              .formatted(what, count, remaining(), remaining() / leastBytes));
    }
    return count;
  }

  /** The bytes of a string, known to be UTF-8. */
  MemorySegment text(String what) {
    long length = uint63("the length of " + what);
    long from = at;
    MemorySegment text = bytes(length, what);
    Utf8.require("%s: %s, from byte %d,".formatted(file, what, from), text);
    return text;
  }

  /** A name: a string that is kept. */
  String name(String what, int mostBytes) {
    MemorySegment text = text(what);
    if (text.byteSize() > mostBytes) {
      throw problem(
          "%s has %d bytes; names have up to %d".formatted(what, text.byteSize(), mostBytes));
    }
    return Utf8.text(text);
  }

  private void requireRemaining(long count, String what) {
    if (count > remaining()) {
      throw problem(
          "%s takes %d bytes from byte %d on, but the file ends after %d"
              .formatted(what, count, at, file.size()));
    }
  }

  CheckpointException problem(String sentence) {
    return new CheckpointException(file + ": " + sentence);
  }
}
