package dev.serval.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.models.RawTensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes safetensors files, sound ones and others. */
public final class SafetensorsWriter {
  private SafetensorsWriter() {}

  /** A file of this header and data, whatever they are. */
  public static byte[] file(String header, byte[] data) {
    return file(header.getBytes(UTF_8).length, header.getBytes(UTF_8), data);
  }

  /** A file of this header and data that claims another length of the header. */
  public static byte[] file(long claimed, byte[] header, byte[] data) {
    return ByteBuffer.allocate(Long.BYTES + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(claimed)
        .put(header)
        .put(data)
        .array();
  }

  /**
   * A tensor of any type of the format.
   *
   * @param name its name
   * @param type the format's name of its type
   * @param shape its dimensions
   * @param data its bytes
   */
  public record Raw(String name, String type, List<Long> shape, MemorySegment data) {
    /** One of these bytes. */
    public Raw(String name, String type, List<Long> shape, byte... data) {
      this(name, type, shape, MemorySegment.ofArray(data));
    }
  }

  /** A sound file. */
  public static byte[] file(List<StoredTensor> tensors) {
    RawTensors file = new RawTensors();
    tensors.forEach(file::with);
    return file.file();
  }

  /** A sound file of tensors of any type. */
  public static byte[] ofRaw(List<Raw> tensors) {
    RawTensors file = new RawTensors();
    tensors.forEach(tensor -> file.with(tensor.name, tensor.type, tensor.shape, tensor.data));
    return file.file();
  }

  /** The configuration of a model. */
  public static Path config(Path folder) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "hidden_size": 4, "rope_theta": 10000.0,
         "tie_word_embeddings": true, "rope_scaling": null, "eos_token_id": [1, 2]}
        """);
    return folder;
  }

  /** The small files of a model, without its weights. */
  public static Path texts(Path folder) throws IOException {
    config(folder);
    Files.writeString(folder.resolve("tokenizer.json"), "{\"version\": \"1.0\"}");
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"bos_token\": \"⟨s⟩\"}");
    Files.writeString(folder.resolve("generation_config.json"), "{\"temperature\": 0.5}");
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
    return folder;
  }
}
