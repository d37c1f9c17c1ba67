package dev.serval.testkit.models;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.serval.api.storage.StoredTensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** Writes checkpoints in Hugging Face's layout, of tensors of any type of the format. */
public final class RawTensors {
  private final Map<String, Entry> entries = new LinkedHashMap<>();

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
    return with(tensor.name(), tensor.dtype().name(), tensor.shape(), tensor.data());
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
   * A weights file of the tensors, in the order in which they were added.
   *
   * @return its bytes
   */
  public byte[] file() {
    StringBuilder header = new StringBuilder("{\"__metadata__\": {\"format\": \"pt\"}");
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    entries.forEach((name, tensor) -> {
      int begin = data.size();
      data.writeBytes(tensor.data.toArray(ValueLayout.JAVA_BYTE));
      header.append(
          ", \"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": [%d, %d]}"
              .formatted(name, tensor.type, tensor.shape, begin, data.size()));
    });
    byte[] text = header.append("}   ").toString().getBytes(UTF_8);
    return ByteBuffer.allocate(Long.BYTES + text.length + data.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length)
        .put(text)
        .put(data.toByteArray())
        .array();
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
    Files.write(folder.resolve("model.safetensors"), file());
  }
}
