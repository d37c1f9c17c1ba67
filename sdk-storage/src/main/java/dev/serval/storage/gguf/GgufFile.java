package dev.serval.storage.gguf;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.ArtefactHash.Part;
import dev.serval.storage.checkpoint.Digesting;
import dev.serval.storage.checkpoint.MappedCheckpoint;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.checkpoint.MappedFolder;
import dev.serval.storage.checkpoint.TensorTable;
import dev.serval.storage.text.Quoted;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** One GGUF file while it is opened. */
public final class GgufFile {
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
   * change the model's results: see ModelConfiguration.
   */

  /** The name of the format. */
  public static final String FORMAT = "gguf";

  private static final String SUFFIX = ".gguf";
  private static final byte[] MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
  private static final long DEFAULT_ALIGNMENT = 32;
  private static final long MOST_DIVISORS = 65_536;
  private static final long MOST_EXPERTS = 1024;

  /** Each takes memory, however few bytes an expert has. */
  private static final int MOST_NAMES = 1 << 18;

  private final MappedFile file;
  private final Metadata metadata;
  private final SequencedMap<String, TensorEntry> tensors;
  private final long begin;

  private GgufFile(MappedFile file) {
    this.file = file;
    GgufCursor cursor = new GgufCursor(file);
    requireVersion(cursor);
    long tensorCount = cursor.uint63("the count of tensors");
    long metadataCount = cursor.uint63("the count of metadata");
    metadata = Metadata.read(cursor, file.toString(), metadataCount);
    requireWhole();
    tensors = TensorDirectory.read(cursor, tensorCount);
    long alignment = alignment();
    begin = tensors.isEmpty() ? cursor.at() : TensorDirectory.padded(cursor.at(), alignment);
    TensorDirectory.requireFit(cursor, tensors, begin, alignment);
  }

  /**
   * Whether a path looks like a GGUF file, or like a folder with one.
   *
   * @param path any path
   * @return true if {@link #open} is worth calling
   */
  public static boolean recognises(Path path) {
    if (Files.isDirectory(path)) {
      return !Files.exists(path.resolve("config.json"), LinkOption.NOFOLLOW_LINKS)
          && !inFolder(path).isEmpty();
    }
    return Files.isRegularFile(path) && beginsWithMagic(path);
  }

  private static boolean beginsWithMagic(Path path) {
    try (InputStream in = Files.newInputStream(path)) {
      return Arrays.equals(in.readNBytes(MAGIC.length), MAGIC);
    } catch (IOException e) {
      return false;
    }
  }

  private static List<Path> inFolder(Path folder) {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(file -> file.toString().endsWith(SUFFIX)).sorted().toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }

  /**
   * Opens a checkpoint.
   *
   * @param path a GGUF file, or a folder with one
   * @param digesting when its bytes are read for the digest
   * @return the checkpoint
   * @throws CheckpointException when it is damaged, incomplete or unreadable
   */
  public static Checkpoint open(Path path, Digesting digesting) {
    Path file = Files.isDirectory(path) ? onlyFile(path) : path;
    MappedFolder mappings = new MappedFolder(file);
    boolean opened = false;
    try {
      MappedFile mapped = mappings.map(file);
      Checkpoint checkpoint = new GgufFile(mapped).checkpoint(path, mappings, digesting);
      opened = true;
      return checkpoint;
    } catch (InternalError e) {
      throw new CheckpointException(file + " was cut short while it was read", e);
    } finally {
      if (!opened) {
        mappings.close();
      }
    }
  }

  private static Path onlyFile(Path folder) {
    List<Path> files = inFolder(folder);
    if (files.size() != 1) {
      throw new CheckpointException(
          "%s has %s named *%s; open the one that is meant"
              .formatted(folder, files.isEmpty() ? "no file" : "several files", SUFFIX));
    }
    return files.getFirst();
  }

  private void requireVersion(GgufCursor cursor) {
    byte[] magic =
        cursor
            .bytes(MAGIC.length, "its beginning")
            .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
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

  private void requireWhole() {
    long parts = metadata.natural("split.count").orElse(1L);
    if (parts > 1) {
      throw metadata.problem(
          "split.count",
          "is %d: the file is one of several that make up the model; merge them".formatted(parts));
    }
  }

  private long alignment() {
    String key = "general.alignment";
    long alignment = metadata.natural(key).orElse(DEFAULT_ALIGNMENT);
    if (Long.bitCount(alignment) != 1) {
      throw metadata.problem(key, "is %d; it must be a power of two".formatted(alignment));
    }
    return alignment;
  }

  private Checkpoint checkpoint(Path path, MappedFolder mappings, Digesting digesting) {
    Architecture architecture = architecture();
    TensorTable table = table(architecture);
    Map<String, Object> model = ModelConfiguration.translate(metadata, architecture, weightFacts());
    TokenizerTexts texts = new TokenizerTexts(metadata);
    Map<String, Object> config = texts.withTokens(model);
    Supplier<ArtefactDigest> digest = digesting.of(List.of(new Part("weights", file)));
    return new MappedCheckpoint(
        path.toString(), FORMAT, mappings, digest, config, table, texts.suppliers());
  }

  private Architecture architecture() {
    String key = "general.architecture";
    String name = metadata.text(key).orElseThrow(() -> metadata.missing(key));
    return Architecture.named(name)
        .orElseThrow(() ->
            metadata.problem(
                key, "is %s; supported are %s".formatted(Quoted.of(name), Architecture.names())));
  }

  private TensorTable table(Architecture architecture) {
    SortedMap<String, Supplier<StoredTensor>> table = new TreeMap<>();
    for (TensorEntry tensor : tensors.values()) {
      Optional<IntFunction<String>> experts = TensorNames.ofExperts(tensor.name(), architecture);
      if (experts.isPresent()) {
        takeApart(tensor, experts.get(), table);
      } else if (!TensorNames.DIVISORS.contains(tensor.name())) {
        String name =
            TensorNames.translated(tensor.name(), architecture)
                .orElseThrow(() ->
                    new CheckpointException(
                        "%s: tensor %s is unknown in models of this architecture"
                            .formatted(file, Quoted.of(tensor.name()))));
        table.put(name, () -> stored(name, tensor));
      }
    }
    return new TensorTable(file.toString(), table);
  }

  /** The experts of a layer are one tensor, one after the other. */
  private void takeApart(
      TensorEntry tensor,
      IntFunction<String> names,
      SortedMap<String, Supplier<StoredTensor>> table) {
    List<Long> shape = tensor.shape();
    boolean biases = tensor.name().endsWith(".bias");
    if (shape.size() != (biases ? 2 : 3) || shape.getFirst() > MOST_EXPERTS) {
      throw new CheckpointException(
          "%s: tensor %s has shape %s; it must be of %s, one for each of up to %d experts"
              .formatted(
                  file,
                  Quoted.of(tensor.name()),
                  shape,
                  biases ? "vectors" : "matrices",
                  MOST_EXPERTS));
    }
    int count = Math.toIntExact(shape.getFirst());
    if (table.size() > MOST_NAMES - count) {
      throw new CheckpointException(
          "%s has the experts of more than %d tensors".formatted(file, MOST_NAMES));
    }
    for (int expert = 0; expert < count; expert++) {
      String name = names.apply(expert);
      int index = expert;
      table.put(name, () -> stored(tensor.name(), tensor).part(index, name));
    }
  }

  private StoredTensor stored(String name, TensorEntry tensor) {
    return new StoredTensor(
        name,
        tensor.dtype(),
        tensor.shape(),
        data(tensor),
        Optional.of(file.range(begin + tensor.offset(), tensor.bytes())));
  }

  private MemorySegment data(TensorEntry tensor) {
    return file.bytes().asSlice(begin + tensor.offset(), tensor.bytes());
  }

  private WeightFacts weightFacts() {
    TensorEntry embeddings = tensors.get(TensorNames.EMBEDDINGS);
    return new WeightFacts(
        embeddings == null
            ? metadata.count("tokenizer.ggml.tokens")
            : embeddings.shape().getFirst(),
        !tensors.containsKey(TensorNames.HEAD),
        tensors.containsKey("blk.0.attn_q.bias"),
        tensors.containsKey("blk.0.ffn_down.bias"),
        divisors(TensorNames.ROTARY_DIVISORS),
        divisors(TensorNames.LONG_DIVISORS),
        divisors(TensorNames.SHORT_DIVISORS));
  }

  private Optional<List<Double>> divisors(String name) {
    return Optional.ofNullable(tensors.get(name)).map(this::divisors);
  }

  private List<Double> divisors(TensorEntry tensor) {
    if (tensor.dtype() != DType.F32
        || tensor.shape().size() != 1
        || tensor.shape().getFirst() > MOST_DIVISORS) {
      throw new CheckpointException(
          "%s: tensor '%s' is of type %s and shape %s; it must be a vector of F32, up to %d"
              .formatted(file, tensor.name(), tensor.dtype(), tensor.shape(), MOST_DIVISORS));
    }
    MemorySegment data = data(tensor);
    return Stream.iterate(0L, at -> at < data.byteSize(), at -> at + Float.BYTES)
        .map(at -> (double) Float.intBitsToFloat(data.get(GgufCursor.INT, at)))
        .map(value -> divisor(tensor, value))
        .toList();
  }

  private double divisor(TensorEntry tensor, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new CheckpointException(
          "%s: tensor '%s' holds %s; what speeds are divided by is finite and above 0"
              .formatted(file, tensor.name(), value));
    }
    return value;
  }
}
