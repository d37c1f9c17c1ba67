package dev.serval.server.openai;

import dev.serval.api.EmbeddingResult;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;

/** Vectors, as {@code POST /v1/embeddings} answers with them. */
public record EmbeddingList(String object, List<Embedding> data, String model, Usage usage) {
  /**
   * The vector of one text.
   *
   * @param index which of the texts
   * @param embedding numbers; or the bytes of 32-bit floating-point numbers, the lowest byte first,
   *     in Base64
   */
  public record Embedding(String object, int index, Object embedding) {}

  /** The tokens that the texts have. */
  public record Usage(int promptTokens, int totalTokens) {}

  /** The answer to a call. */
  public static EmbeddingList of(EmbeddingEndpoint.Call call, EmbeddingResult result) {
    List<Embedding> data =
        IntStream.range(0, result.vectors().size())
            .mapToObj(i -> embedding(i, result.vectors().get(i), call.base64()))
            .toList();
    Usage usage = new Usage(result.promptTokens(), result.promptTokens());
    return new EmbeddingList("list", data, result.model(), usage);
  }

  private static Embedding embedding(int index, float[] vector, boolean base64) {
    return new Embedding("embedding", index, base64 ? base64(vector) : vector);
  }

  private static String base64(float[] vector) {
    ByteBuffer bytes =
        ByteBuffer.allocate(vector.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return Base64.getEncoder().encodeToString(bytes.array());
  }
}
