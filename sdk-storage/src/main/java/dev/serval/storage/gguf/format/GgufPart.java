package dev.serval.storage.gguf.format;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.text.Quoted;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * A file that is a model, or one of several that make it up.
 *
 * @param file its bytes
 * @param metadata what it says beside its tensors
 * @param tensors its tensors by their names
 * @param begin where these begin
 */
public record GgufPart(
    MappedFile file, Metadata metadata, SequencedMap<String, TensorEntry> tensors, long begin) {
  /*
   * A file is: the letters GGUF, a version, the counts of tensors and of metadata; the metadata; the
   * directory of tensors; padding; the tensors
   * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
   *
   * What always holds: no length, count, offset or product that the file gives is believed before it
   * has been compared with the bytes that are there, in arithmetic that cannot overflow; nothing is
   * allocated for it before. Arrays of metadata, which hold the vocabulary, are walked once and then
   * stay in the mapping until a text that is made of them is asked for. Looking up what is there twice
   * takes one hash each.
   *
   * Everything that is read is checked; what Serval has no use for is passed over, but for what would
   * change the model's results: see Refusals.
   */

  private static final byte[] MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
  private static final long DEFAULT_ALIGNMENT = 32;

  /** Whether a file begins as one of this format does. */
  public static boolean begins(Path path) {
    try (InputStream in = Files.newInputStream(path)) {
      return Arrays.equals(in.readNBytes(MAGIC.length), MAGIC);
    } catch (IOException e) {
      return false;
    }
  }

  /** Reads all but the tensors themselves. */
  public static GgufPart read(MappedFile file) {
    GgufCursor cursor = new GgufCursor(file);
    requireVersion(cursor);
    long tensorCount = cursor.uint63("the count of tensors");
    long metadataCount = cursor.uint63("the count of metadata");
    Metadata metadata = Metadata.read(cursor, file.toString(), metadataCount);
    SequencedMap<String, TensorEntry> tensors = TensorDirectory.read(cursor, tensorCount);
    long alignment = alignment(metadata);
    long padded = TensorDirectory.padded(cursor.at(), alignment);
    long begin = tensors.isEmpty() ? Math.min(padded, cursor.at() + cursor.remaining()) : padded;
    TensorDirectory.requireFit(cursor, tensors, begin, alignment);
    return new GgufPart(file, metadata, tensors, begin);
  }

  private static void requireVersion(GgufCursor cursor) {
    byte[] magic = cursor.bytes(MAGIC.length, "its beginning").toArray(ValueLayout.JAVA_BYTE);
    if (!Arrays.equals(magic, MAGIC)) {
      throw cursor.problem(
          "it begins with %s; a GGUF file begins with 'GGUF'"
              .formatted(Quoted.of(new String(magic, StandardCharsets.ISO_8859_1))));
    }
    long version = cursor.uint32("its version");
    if (version == 1) {
      throw cursor.problem("it is of version 1, which is out of use; supported are 2 and 3");
    }
    if ((version & 0xFFFF) == 0 && version != 0) {
      throw cursor.problem("its numbers are big-endian; supported are little-endian files");
    }
    if (version != 2 && version != 3) {
      throw cursor.problem("it is of version %d; supported are 2 and 3".formatted(version));
    }
  }

  private static long alignment(Metadata metadata) {
    String key = "general.alignment";
    long alignment = metadata.natural(key).orElse(DEFAULT_ALIGNMENT);
    if (Long.bitCount(alignment) != 1) {
      throw metadata.problem(key, "is %d; it must be a power of two".formatted(alignment));
    }
    return alignment;
  }

  /** The bytes of one of its tensors. */
  public MemorySegment data(TensorEntry tensor) {
    return file.bytes().asSlice(begin + tensor.offset(), tensor.bytes());
  }

  /** One of its tensors under a name. */
  public StoredTensor stored(String name, TensorEntry tensor) {
    return new StoredTensor(
        name,
        tensor.dtype(),
        tensor.shape(),
        data(tensor),
        Optional.of(file.range(begin + tensor.offset(), tensor.bytes())));
  }
}
