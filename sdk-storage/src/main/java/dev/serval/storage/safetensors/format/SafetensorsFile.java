package dev.serval.storage.safetensors.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MappedFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/**
 * One file of weights: 8 bytes with the header's length, little-endian; the header; the data, of
 * which every byte belongs to exactly one tensor (<a
 * href="https://github.com/huggingface/safetensors#format">the format</a>).
 */
public final class SafetensorsFile {
  private static final long MOST_HEADER_BYTES = 100_000_000;
  private static final long LENGTH_BYTES = Long.BYTES;
  private static final byte[] LFS_POINTER =
      "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);
  private static final ValueLayout.OfLong LITTLE_ENDIAN =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MappedFile file;
  private final MemorySegment data;
  private final SortedMap<String, TensorEntry> tensors;

  private SafetensorsFile(
      MappedFile file, MemorySegment data, SortedMap<String, TensorEntry> tensors) {
    this.file = file;
    this.data = data;
    this.tensors = tensors;
  }

  /** Checks a file and its header; refused is what does not fit together. */
  public static SafetensorsFile read(MappedFile file) {
    long headerBytes = headerBytes(file);
    MemorySegment header = file.bytes().asSlice(LENGTH_BYTES, headerBytes);
    MemorySegment data = file.bytes().asSlice(LENGTH_BYTES + headerBytes);
    if (header.get(ValueLayout.JAVA_BYTE, 0) != '{') {
      throw new CheckpointException(
          "the header of %s begins with the byte 0x%02x; it must be a JSON object, beginning with {"
              .formatted(file, header.get(ValueLayout.JAVA_BYTE, 0)));
    }
    SortedMap<String, TensorEntry> tensors = HeaderParser.parse(file.toString(), header);
    requireNoGaps(file.toString(), tensors, data.byteSize());
    return new SafetensorsFile(file, data, tensors);
  }

  private static long headerBytes(MappedFile file) {
    requireNoPointer(file);
    if (file.size() < LENGTH_BYTES) {
      throw new CheckpointException(
          "%s has %d bytes; a safetensors file begins with the 8 bytes of its header's length"
              .formatted(file, file.size()));
    }
    long length = file.bytes().get(LITTLE_ENDIAN, 0);
    long most = Math.min(MOST_HEADER_BYTES, file.size() - LENGTH_BYTES);
    if (length < 1 || length > most) {
      throw new CheckpointException(
          "%s says that its header has %s bytes; in this file of %d bytes it has from 1 to %d"
              .formatted(file, Long.toUnsignedString(length), file.size(), most));
    }
    return length;
  }

  private static void requireNoPointer(MappedFile file) {
    MemorySegment pointer = MemorySegment.ofArray(LFS_POINTER);
    if (file.size() > pointer.byteSize()
        && file.bytes().asSlice(0, pointer.byteSize()).mismatch(pointer) < 0) {
      throw new CheckpointException(
          file + " is a Git LFS pointer and not the weights; 'git lfs pull' fetches them");
    }
  }

  private static void requireNoGaps(
      String file, SortedMap<String, TensorEntry> tensors, long dataBytes) {
    List<TensorEntry> inOrder =
        tensors.values().stream()
            .map(tensor -> tensor.requireWithin(file, dataBytes))
            .sorted(
                Comparator.comparingLong(TensorEntry::begin).thenComparingLong(TensorEntry::end))
            .toList();
    long covered = 0;
    for (TensorEntry tensor : inOrder) {
      if (tensor.begin() != covered) {
        throw tensor.problem(
            file,
            "has data_offsets %s, %s: the tensors before it end at %d",
            tensor.offsets(),
            tensor.begin() < covered ? "an overlap" : "after a gap",
            covered);
      }
      covered = tensor.end();
    }
    if (covered != dataBytes) {
      throw new CheckpointException(
          "%s has %d bytes after its last tensor; it must end with it"
              .formatted(file, dataBytes - covered));
    }
  }

  public MappedFile file() {
    return file;
  }

  public SortedMap<String, TensorEntry> tensors() {
    return tensors;
  }

  /** One of its tensors, under the name that it has in the checkpoint. */
  public StoredTensor tensor(TensorEntry tensor, String name) {
    return tensor
        .type()
        .dtype()
        .map(dtype -> new StoredTensor(name, dtype, tensor.shape(), data(tensor), range(tensor)))
        .orElseThrow(() ->
            tensor.problem(
                file.toString(),
                "is of type %s; weights may be of %s",
                tensor.type(),
                ElementType.computable()));
  }

  /** The bytes of one of its tensors. */
  MemorySegment data(TensorEntry tensor) {
    return data.asSlice(tensor.begin(), tensor.end() - tensor.begin());
  }

  private Optional<FileRange> range(TensorEntry tensor) {
    long begin = file.size() - data.byteSize() + tensor.begin();
    return Optional.of(file.range(begin, tensor.end() - tensor.begin()));
  }
}
