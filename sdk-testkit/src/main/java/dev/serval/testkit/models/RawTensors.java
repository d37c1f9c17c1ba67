package dev.serval.testkit.models;

import dev.serval.api.storage.StoredTensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;

/** Writes checkpoints in Hugging Face's layout, of tensors of any type of the format. */
public final class RawTensors {
  private final Map<String, Entry> entries = new TreeMap<>();

  /** None yet. */
  public RawTensors() {}

  /**
   * A tensor.
   *
   * @param type what the format calls its type
   * @param shape its dimensions
   * @param data its bytes
   */
  private record Entry(String type, List<Long> shape, MemorySegment data) {}

  /**
   * Adds a tensor of a type that Serval computes with.
   *
   * @param tensor the tensor
   * @return this
   */
  public RawTensors with(StoredTensor tensor) {
    entries.put(tensor.name(), new Entry(tensor.dtype().name(), tensor.shape(), tensor.data()));
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param name its name
   * @param type what the format calls its type
   * @param shape its dimensions
   * @param data its bytes
   * @return this
   */
  public RawTensors with(String name, String type, List<Long> shape, MemorySegment data) {
    entries.put(name, new Entry(type, shape, data));
    return this;
  }

  /**
   * Takes a tensor away.
   *
   * @param name its name
   * @return this
   */
  public RawTensors without(String name) {
    entries.remove(name);
    return this;
  }

  /**
   * Writes configuration and weights.
   *
   * @param folder where to
   * @param config the configuration
   * @throws IOException when they cannot be written
   */
  public void save(Path folder, Map<String, Object> config) throws IOException {
    Files.writeString(
        folder.resolve("config.json"), JsonMapper.shared().writeValueAsString(config));
    Map<String, Object> header = new TreeMap<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    entries.forEach((name, tensor) -> {
      int begin = data.size();
      data.writeBytes(tensor.data.toArray(ValueLayout.JAVA_BYTE));
      header.put(
          name,
          Map.of(
              "dtype", tensor.type,
              "shape", tensor.shape,
              "data_offsets", List.of(begin, data.size())));
    });
    byte[] text = JsonMapper.shared().writeValueAsBytes(header);
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (OutputStream file = Files.newOutputStream(folder.resolve("model.safetensors"))) {
      file.write(length.putLong(text.length).array());
      file.write(text);
      data.writeTo(file);
    }
  }
}
