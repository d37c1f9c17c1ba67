package dev.serval.models.family;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes a model for texts the part for texts of one that also sees. */
final class SeeingModel {
  private SeeingModel() {}

  /** Rewrites a folder. */
  static void of(Path folder, String type, String architecture) throws IOException {
    Path config = folder.resolve("config.json");
    String text =
        Files.readString(config)
            .replaceFirst("\"model_type\": \"\\w+\"", "\"model_type\": \"" + type + "\"");
    Files.writeString(
        config,
        """
        {"architectures": ["%s"], "vision_config": {"depth": 2}, "image_token_id": 3,
         "text_config": %s}
        """
            .formatted(architecture, text));
    Path weights = folder.resolve("model.safetensors");
    Files.write(weights, renamed(Files.readAllBytes(weights)));
  }

  private static byte[] renamed(byte[] file) {
    ByteBuffer before = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(before.getLong())];
    before.get(header);
    byte[] longer =
        new String(header, UTF_8).replace("\"model.", "\"model.language_model.").getBytes(UTF_8);
    return ByteBuffer.allocate(Long.BYTES + longer.length + before.remaining())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(longer.length)
        .put(longer)
        .put(before)
        .array();
  }
}
