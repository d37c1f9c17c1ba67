package dev.serval.models.onnx;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A message of Protocol Buffers as its fields in their order, without a schema: what is not asked
 * for is kept as it is. Bytes are views of what was parsed. See <a
 * href="https://protobuf.dev/programming-guides/encoding/">the encoding</a>.
 */
final class ProtoMessage {
  private static final int VARINT = 0;
  private static final int FIXED_64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED_32 = 5;

  private final List<Field> fields;

  private ProtoMessage(List<Field> fields) {
    this.fields = fields;
  }

  /**
   * A field.
   *
   * @param bytes what it holds: its own bytes, or those of the number
   */
  private record Field(int number, int type, ByteBuffer bytes) {
    int size() {
      int length = bytes.remaining();
      int tag = varintSize((long) number << 3);
      return type == BYTES ? tag + varintSize(length) + length : tag + length;
    }

    void write(ByteBuffer out) {
      putVarint(out, ((long) number << 3) | type);
      if (type == BYTES) {
        putVarint(out, bytes.remaining());
      }
      out.put(bytes.duplicate());
    }
  }

  /** A message without a field. */
  static ProtoMessage empty() {
    return new ProtoMessage(new ArrayList<>());
  }

  /**
   * Parses a message.
   *
   * @throws IllegalArgumentException when it is cut off or no message at all, saying where
   */
  static ProtoMessage parse(ByteBuffer bytes) {
    ProtoMessage message = empty();
    ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      int at = in.position();
      try {
        message.fields.add(field(in));
      } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
        throw new IllegalArgumentException(
            "the field at byte %d reaches beyond the end at byte %d".formatted(at, in.limit()), e);
      }
    }
    return message;
  }

  private static Field field(ByteBuffer in) {
    int at = in.position();
    long tag = varint(in);
    int type = (int) tag & 7;
    int start = in.position();
    switch (type) {
      case VARINT -> varint(in);
      case FIXED_64 -> in.position(start + within(in, Long.BYTES));
      case FIXED_32 -> in.position(start + within(in, Integer.BYTES));
      case BYTES -> {
        long length = varint(in);
        start = in.position();
        in.position(start + within(in, length));
      }
      default -> throw new IllegalArgumentException("there is no field at byte %d".formatted(at));
    }
    ByteBuffer bytes = in.slice(start, in.position() - start).order(ByteOrder.LITTLE_ENDIAN);
    return new Field((int) (tag >>> 3), type, bytes);
  }

  private static int within(ByteBuffer in, long length) {
    if (length < 0 || length > in.remaining()) {
      throw new IndexOutOfBoundsException();
    }
    return (int) length;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      byte next = in.get();
      value |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new IndexOutOfBoundsException();
  }

  private static void putVarint(ByteBuffer out, long value) {
    long rest = value;
    for (; (rest & ~0x7FL) != 0; rest >>>= 7) {
      out.put((byte) ((rest & 0x7F) | 0x80));
    }
    out.put((byte) rest);
  }

  private static int varintSize(long value) {
    return Math.max(1, (Long.SIZE - Long.numberOfLeadingZeros(value) + 6) / 7);
  }

  /** The bytes of each field of a number. */
  List<ByteBuffer> all(int number) {
    return fields.stream()
        .filter(field -> field.number == number)
        .map(field -> field.bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN))
        .toList();
  }

  /** The messages in the fields of a number. */
  List<ProtoMessage> messages(int number) {
    return all(number).stream().map(ProtoMessage::parse).toList();
  }

  /** The texts in the fields of a number. */
  List<String> texts(int number) {
    return all(number).stream()
        .map(bytes -> StandardCharsets.UTF_8.decode(bytes).toString())
        .toList();
  }

  /** The text in the last field of a number, or nothing. */
  String text(int number) {
    List<String> texts = texts(number);
    return texts.isEmpty() ? "" : texts.getLast();
  }

  /** The whole number in the last field of a number, or 0. */
  long number(int number) {
    List<ByteBuffer> values = all(number);
    return values.isEmpty() ? 0 : varint(values.getLast());
  }

  /** The same message without the fields of a number. */
  ProtoMessage without(int number) {
    return new ProtoMessage(
        new ArrayList<>(fields.stream().filter(field -> field.number != number).toList()));
  }

  /** Adds a text. */
  ProtoMessage with(int number, String text) {
    return with(number, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Adds a message or other bytes. */
  ProtoMessage with(int number, ByteBuffer bytes) {
    fields.add(new Field(number, BYTES, bytes));
    return this;
  }

  /** Adds a message. */
  ProtoMessage with(int number, ProtoMessage message) {
    ByteBuffer bytes = ByteBuffer.allocate(message.size());
    message.write(bytes);
    return with(number, bytes.flip());
  }

  /** Adds a whole number. */
  ProtoMessage with(int number, long value) {
    ByteBuffer bytes = ByteBuffer.allocate(varintSize(value));
    putVarint(bytes, value);
    fields.add(new Field(number, VARINT, bytes.flip()));
    return this;
  }

  /** How many bytes it takes. */
  int size() {
    return fields.stream().mapToInt(Field::size).reduce(0, Math::addExact);
  }

  /** Writes it. */
  void write(ByteBuffer out) {
    fields.forEach(field -> field.write(out));
  }
}
