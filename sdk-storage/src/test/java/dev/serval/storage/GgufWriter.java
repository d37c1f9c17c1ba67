package dev.serval.storage;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes GGUF files, sound ones and such as no writer would. */
final class GgufWriter {
  private static final int UINT32 = 4;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int INT32 = 5;

  private static final Map<DType, Integer> TYPES =
      Map.ofEntries(
          Map.entry(DType.F32, 0),
          Map.entry(DType.F16, 1),
          Map.entry(DType.Q4_0, 2),
          Map.entry(DType.Q4_1, 3),
          Map.entry(DType.Q5_0, 6),
          Map.entry(DType.Q5_1, 7),
          Map.entry(DType.Q8_0, 8),
          Map.entry(DType.Q2_K, 10),
          Map.entry(DType.Q3_K, 11),
          Map.entry(DType.Q4_K, 12),
          Map.entry(DType.Q5_K, 13),
          Map.entry(DType.Q6_K, 14),
          Map.entry(DType.IQ2_XXS, 16),
          Map.entry(DType.IQ2_XS, 17),
          Map.entry(DType.IQ3_XXS, 18),
          Map.entry(DType.IQ1_S, 19),
          Map.entry(DType.IQ4_NL, 20),
          Map.entry(DType.IQ3_S, 21),
          Map.entry(DType.IQ2_S, 22),
          Map.entry(DType.IQ4_XS, 23),
          Map.entry(DType.IQ1_M, 29),
          Map.entry(DType.BF16, 30),
          Map.entry(DType.TQ1_0, 34),
          Map.entry(DType.TQ2_0, 35),
          Map.entry(DType.MXFP4, 39));

  /** Bytes in the format's order. */
  static final class Out extends ByteArrayOutputStream {
    Out u8(int value) {
      write(value);
      return this;
    }

    Out u32(long value) {
      writeBytes(buffer(4).putInt((int) value).array());
      return this;
    }

    Out u64(long value) {
      writeBytes(buffer(8).putLong(value).array());
      return this;
    }

    Out text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      u64(bytes.length).writeBytes(bytes);
      return this;
    }

    Out raw(byte[] bytes) {
      writeBytes(bytes);
      return this;
    }

    Out padded(int alignment) {
      while (size() % alignment != 0) {
        write(0);
      }
      return this;
    }

    private static ByteBuffer buffer(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** A tensor's entry, which may say what it likes. */
  record Entry(String name, List<Long> dimensions, int type, long offset) {}

  private int version = 3;
  private int alignment = 32;
  private final List<byte[]> metadata = new ArrayList<>();
  private final List<Entry> entries = new ArrayList<>();
  private final Out data = new Out();

  /** A file of a small model without tensors. */
  static GgufWriter llama() {
    return new GgufWriter().put("general.architecture", "llama").sizes("llama");
  }

  /** The keys that every model has. */
  GgufWriter sizes(String architecture) {
    return sizes(architecture, 1);
  }

  /** The same of a model of so many layers. */
  GgufWriter sizes(String architecture, int layers) {
    return sizesButWidth(architecture, layers).put(architecture + ".feed_forward_length", 16);
  }

  /** The same but for how wide feed-forward layers are. */
  GgufWriter sizesButWidth(String architecture, int layers) {
    return sizesOfAll(architecture, layers).put(architecture + ".attention.head_count_kv", 1);
  }

  /** The same but for how many heads of keys and values there are. */
  GgufWriter sizesButHeads(String architecture, int layers) {
    return sizesOfAll(architecture, layers).put(architecture + ".feed_forward_length", 16);
  }

  /** The same but for both. */
  GgufWriter sizesOfAll(String architecture, int layers) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("context_length", 64);
    sizes.put("embedding_length", 8);
    sizes.put("block_count", layers);
    sizes.put("attention.head_count", 2);
    sizes.forEach((name, value) -> put(architecture + "." + name, value));
    return put(architecture + ".attention.layer_norm_rms_epsilon", 1e-5f);
  }

  /** The keys of layers that keep a state. */
  GgufWriter states(String architecture, int taps, int rows, int groups, int heads, int columns) {
    return put(architecture + ".ssm.conv_kernel", taps)
        .put(architecture + ".ssm.state_size", rows)
        .put(architecture + ".ssm.group_count", groups)
        .put(architecture + ".ssm.time_step_rank", heads)
        .put(architecture + ".ssm.inner_size", columns);
  }

  GgufWriter version(int number) {
    version = number;
    return this;
  }

  GgufWriter alignment(int bytes) {
    alignment = bytes;
    return this;
  }

  GgufWriter put(String key, String value) {
    return raw(key, new Out().u32(STRING).text(value).toByteArray());
  }

  GgufWriter put(String key, int value) {
    return raw(key, new Out().u32(UINT32).u32(value).toByteArray());
  }

  GgufWriter put(String key, float value) {
    return raw(key, new Out().u32(FLOAT32).u32(Float.floatToRawIntBits(value)).toByteArray());
  }

  GgufWriter put(String key, boolean value) {
    return raw(key, new Out().u32(BOOL).u8(value ? 1 : 0).toByteArray());
  }

  GgufWriter flags(String key, boolean... values) {
    Out out = new Out().u32(ARRAY).u32(BOOL).u64(values.length);
    for (boolean value : values) {
      out.u8(value ? 1 : 0);
    }
    return raw(key, out.toByteArray());
  }

  GgufWriter texts(String key, List<String> values) {
    Out out = new Out().u32(ARRAY).u32(STRING).u64(values.size());
    values.forEach(out::text);
    return raw(key, out.toByteArray());
  }

  GgufWriter integers(String key, List<Integer> values) {
    Out out = new Out().u32(ARRAY).u32(INT32).u64(values.size());
    values.forEach(out::u32);
    return raw(key, out.toByteArray());
  }

  GgufWriter reals(String key, List<Float> values) {
    Out out = new Out().u32(ARRAY).u32(FLOAT32).u64(values.size());
    values.forEach(value -> out.u32(Float.floatToRawIntBits(value)));
    return raw(key, out.toByteArray());
  }

  /** A value with its type, as it lies in the file. */
  GgufWriter raw(String key, byte[] typeAndValue) {
    metadata.add(new Out().text(key).raw(typeAndValue).toByteArray());
    return this;
  }

  /** A tensor where it belongs. */
  GgufWriter tensor(StoredTensor tensor) {
    return tensor(
        tensor.name(),
        TYPES.get(tensor.dtype()),
        tensor.data().toArray(ValueLayout.JAVA_BYTE),
        tensor.shape().reversed());
  }

  GgufWriter tensor(String name, int type, byte[] bytes, long... dimensions) {
    return tensor(name, type, bytes, Arrays.stream(dimensions).boxed().toList());
  }

  private GgufWriter tensor(String name, int type, byte[] bytes, List<Long> dimensions) {
    data.padded(alignment);
    entries.add(new Entry(name, dimensions, type, data.size()));
    data.raw(bytes);
    return this;
  }

  /** An entry without data. */
  GgufWriter entry(Entry entry) {
    entries.add(entry);
    return this;
  }

  GgufWriter data(int bytes) {
    data.raw(new byte[bytes]);
    return this;
  }

  byte[] file() {
    return file(entries.size(), metadata.size());
  }

  /** The file, with counts that may be wrong. */
  byte[] file(long tensorCount, long metadataCount) {
    Out out = new Out();
    out.raw("GGUF".getBytes(StandardCharsets.US_ASCII)).u32(version);
    out.u64(tensorCount).u64(metadataCount);
    metadata.forEach(out::raw);
    for (Entry entry : entries) {
      out.text(entry.name()).u32(entry.dimensions().size());
      for (long length : entry.dimensions()) {
        out.u64(length);
      }
      out.u32(entry.type()).u64(entry.offset());
    }
    if (data.size() > 0) {
      out.padded(alignment).raw(data.toByteArray());
    }
    return out.toByteArray();
  }
}
