package dev.serval.storage.gguf;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.ArtefactHash.Part;
import dev.serval.storage.checkpoint.Digesting;
import dev.serval.storage.checkpoint.MappedCheckpoint;
import dev.serval.storage.checkpoint.MappedFolder;
import dev.serval.storage.checkpoint.TensorTable;
import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.ModelConfiguration;
import dev.serval.storage.gguf.architecture.TensorNames;
import dev.serval.storage.gguf.architecture.WeightFacts;
import dev.serval.storage.gguf.family.Architectures;
import dev.serval.storage.gguf.format.GgufPart;
import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.gguf.format.SplitName;
import dev.serval.storage.gguf.format.TensorEntry;
import dev.serval.storage.gguf.tokenizer.TokenizerTexts;
import dev.serval.storage.text.Quoted;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** A GGUF file, or several that make up a model, while they are opened. */
public final class GgufFile {
  /** The name of the format. */
  public static final String FORMAT = "gguf";

  private static final String SUFFIX = ".gguf";
  private static final String SPLIT_COUNT = "split.count";
  private static final String SPLIT_NUMBER = "split.no";
  private static final String SPLIT_TENSORS = "split.tensors.count";
  private static final long MOST_DIVISORS = 65_536;
  private static final long MOST_EXPERTS = 1024;

  /** Each takes memory, however few bytes an expert has. */
  private static final int MOST_NAMES = 1 << 18;

  private final GgufPart first;
  private final List<GgufPart> parts;
  private final SequencedMap<String, Placed> tensors = new LinkedHashMap<>();

  /** A tensor and the file that it lies in. */
  private record Placed(GgufPart part, TensorEntry entry) {
    StoredTensor named(String name) {
      return part.stored(name, entry);
    }
  }

  private GgufFile(List<GgufPart> parts) {
    this.parts = parts;
    first = parts.getFirst();
    for (GgufPart part : parts) {
      part.tensors().forEach((name, entry) -> place(name, new Placed(part, entry)));
    }
    first
        .metadata()
        .natural(SPLIT_TENSORS)
        .filter(count -> count != tensors.size())
        .ifPresent(count -> {
          throw first
              .metadata()
              .problem(
                  SPLIT_TENSORS,
                  "is %d; its %d files have %d".formatted(count, parts.size(), tensors.size()));
        });
  }

  private void place(String name, Placed tensor) {
    Placed other = tensors.putIfAbsent(name, tensor);
    if (other != null) {
      throw new CheckpointException(
          "%s: tensor %s is in %s as well"
              .formatted(tensor.part().file(), Quoted.of(name), other.part().file()));
    }
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
    return Files.isRegularFile(path) && GgufPart.begins(path);
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
   * @param path a GGUF file, the first of several, or a folder with one model
   * @param digesting when its bytes are read for the digest
   * @return the checkpoint
   * @throws CheckpointException when it is damaged, incomplete or unreadable
   */
  public static Checkpoint open(Path path, Digesting digesting) {
    Path file = Files.isDirectory(path) ? onlyModel(path) : path;
    MappedFolder mappings = new MappedFolder(file);
    boolean opened = false;
    try {
      Checkpoint checkpoint =
          new GgufFile(parts(file, mappings)).checkpoint(path, mappings, digesting);
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

  /** The file of a folder with one model, or the first if there are several. */
  private static Path onlyModel(Path folder) {
    List<Path> files = inFolder(folder);
    Optional<SplitName> split = files.stream().findFirst().flatMap(SplitName::of);
    if (files.size() != 1 && split.filter(name -> allBeside(name, files)).isEmpty()) {
      throw new CheckpointException(
          "%s has %s named *%s; open the one that is meant"
              .formatted(folder, files.isEmpty() ? "no file" : "several files", SUFFIX));
    }
    return split.map(name -> name.file(1)).orElse(files.getFirst());
  }

  private static boolean allBeside(SplitName one, List<Path> files) {
    return files.stream().allMatch(file -> SplitName.of(file).filter(one::besides).isPresent());
  }

  private static List<GgufPart> parts(Path file, MappedFolder mappings) {
    GgufPart first = GgufPart.read(mappings.map(file));
    long count = first.metadata().natural(SPLIT_COUNT).orElse(1L);
    if (count <= 1) {
      return List.of(first);
    }
    SplitName name = SplitName.of(file).filter(one -> one.count() == count).orElse(null);
    if (name == null) {
      throw first
          .metadata()
          .problem(
              SPLIT_COUNT,
              "is %d: files that make up a model together are called NAME-00001-of-%05d%s and so on"
                  .formatted(count, count, SUFFIX));
    }
    if (number(first) != 0 || name.number() != 1) {
      throw new CheckpointException(
          "%s is one of %d that make up a model; open the first, %s"
              .formatted(file, count, name.file(1)));
    }
    List<GgufPart> parts = new ArrayList<>(List.of(first));
    for (int number = 2; number <= count; number++) {
      parts.add(next(GgufPart.read(mappings.map(name.file(number))), number, count));
    }
    return List.copyOf(parts);
  }

  private static GgufPart next(GgufPart part, int number, long count) {
    long counted = part.metadata().natural(SPLIT_COUNT).orElse(1L);
    if (counted != count || number(part) != number - 1) {
      throw part.metadata()
          .problem(
              SPLIT_NUMBER,
              "is %d of %d; by its name it is to be %d of %d, counted from 0"
                  .formatted(number(part), counted, number - 1, count));
    }
    return part;
  }

  private static long number(GgufPart part) {
    return part.metadata().natural(SPLIT_NUMBER).orElse(0L);
  }

  private Checkpoint checkpoint(Path path, MappedFolder mappings, Digesting digesting) {
    Architecture architecture = architecture();
    TensorTable table = table(architecture);
    Metadata metadata = first.metadata();
    Map<String, Object> model = ModelConfiguration.translate(metadata, architecture, weightFacts());
    TokenizerTexts texts = new TokenizerTexts(metadata);
    Map<String, Object> config = texts.withTokens(model);
    Supplier<ArtefactDigest> digest =
        digesting.of(parts.stream().map(part -> new Part("weights", part.file())).toList());
    return new MappedCheckpoint(
        path.toString(), FORMAT, mappings, digest, config, table, texts.suppliers());
  }

  private Architecture architecture() {
    Metadata metadata = first.metadata();
    String key = "general.architecture";
    String name = metadata.text(key).orElseThrow(() -> metadata.missing(key));
    return Architectures.named(name)
        .orElseThrow(() ->
            metadata.problem(
                key, "is %s; supported are %s".formatted(Quoted.of(name), Architectures.names())));
  }

  private TensorTable table(Architecture architecture) {
    SortedMap<String, Supplier<StoredTensor>> table = new TreeMap<>();
    tensors.forEach((stored, tensor) -> {
      Optional<IntFunction<String>> experts = TensorNames.ofExperts(stored, architecture);
      if (experts.isPresent()) {
        takeApart(tensor, experts.get(), table);
      } else if (!TensorNames.DIVISORS.contains(stored)) {
        String name =
            TensorNames.translated(stored, architecture)
                .orElseThrow(() -> problem(tensor, "unknown in models of this architecture"));
        if (table.put(name, () -> tensor.named(name)) != null) {
          throw problem(tensor, "there under another name as well");
        }
      }
    });
    return new TensorTable(first.file().toString(), table);
  }

  private static CheckpointException problem(Placed tensor, String what) {
    return new CheckpointException(
        "%s: tensor %s is %s"
            .formatted(tensor.part().file(), Quoted.of(tensor.entry().name()), what));
  }

  /** The experts of a layer are one tensor, one after the other. */
  private void takeApart(
      Placed tensor, IntFunction<String> names, SortedMap<String, Supplier<StoredTensor>> table) {
    List<Long> shape = tensor.entry().shape();
    boolean biases = tensor.entry().name().endsWith(".bias");
    if (shape.size() != (biases ? 2 : 3) || shape.getFirst() > MOST_EXPERTS) {
      throw new CheckpointException(
          "%s: tensor %s has shape %s; it must be of %s, one for each of up to %d experts"
              .formatted(
                  tensor.part().file(),
                  Quoted.of(tensor.entry().name()),
                  shape,
                  biases ? "vectors" : "matrices",
                  MOST_EXPERTS));
    }
    int count = Math.toIntExact(shape.getFirst());
    if (table.size() > MOST_NAMES - count) {
      throw new CheckpointException(
          "%s has the experts of more than %d tensors".formatted(tensor.part().file(), MOST_NAMES));
    }
    for (int expert = 0; expert < count; expert++) {
      String name = names.apply(expert);
      int index = expert;
      table.put(name, () -> tensor.named(tensor.entry().name()).part(index, name));
    }
  }

  private WeightFacts weightFacts() {
    Placed embeddings = tensors.get(TensorNames.EMBEDDINGS);
    return WeightFacts.of(
        tensors.keySet(),
        embeddings == null
            ? first.metadata().count("tokenizer.ggml.tokens")
            : embeddings.entry().shape().getFirst(),
        name -> Optional.ofNullable(tensors.get(name)).map(GgufFile::divisors));
  }

  private static List<Double> divisors(Placed placed) {
    TensorEntry tensor = placed.entry();
    if (tensor.dtype() != DType.F32
        || tensor.shape().size() != 1
        || tensor.shape().getFirst() > MOST_DIVISORS) {
      throw new CheckpointException(
          "%s: tensor '%s' is of type %s and shape %s; it must be a vector of F32, up to %d"
              .formatted(
                  placed.part().file(),
                  tensor.name(),
                  tensor.dtype(),
                  tensor.shape(),
                  MOST_DIVISORS));
    }
    StoredTensor stored = placed.named(tensor.name());
    return LongStream.range(0, stored.shape().getFirst())
        .mapToObj(index -> divisor(placed, stored.element(index)))
        .toList();
  }

  private static double divisor(Placed tensor, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new CheckpointException(
          "%s: tensor '%s' holds %s; what speeds are divided by is finite and above 0"
              .formatted(tensor.part().file(), tensor.entry().name(), value));
    }
    return value;
  }
}
