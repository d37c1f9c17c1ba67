package dev.serval.storage.safetensors;

import dev.serval.api.Bytes;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.checkpoint.ArtefactHash.Part;
import dev.serval.storage.checkpoint.Digesting;
import dev.serval.storage.checkpoint.MappedCheckpoint;
import dev.serval.storage.checkpoint.MappedFile;
import dev.serval.storage.checkpoint.MappedFolder;
import dev.serval.storage.checkpoint.TensorTable;
import dev.serval.storage.safetensors.format.RawTensor;
import dev.serval.storage.safetensors.format.SafetensorsFile;
import dev.serval.storage.safetensors.packed.Packing;
import dev.serval.storage.text.JsonCursor;
import dev.serval.storage.text.Utf8;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** A Hugging Face folder while it is opened: finds its files, checks them and hands them over. */
public final class SafetensorsFolder {
  /** The name of the format. */
  public static final String FORMAT = "safetensors";

  private static final String SUFFIX = ".safetensors";
  private static final String WEIGHTS = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String CONFIG = "config.json";
  private static final List<String> TEXTS =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "generation_config.json",
          "chat_template.jinja",
          "chat_template.json");
  private static final Pattern SHARD =
      Pattern.compile(".*-\\d{5}-of-(?!00001)\\d{5}\\.safetensors");
  private static final Bytes MOST_CONFIG = Bytes.mebi(4);
  private static final Bytes MOST_TEXT = Bytes.mebi(256);

  private final MappedFolder folder;
  private final List<Part> parts = new ArrayList<>();

  private SafetensorsFolder(MappedFolder folder) {
    this.folder = folder;
  }

  /**
   * Whether a path looks like one of these folders, or like weights in one.
   *
   * @param path any path
   * @return true if {@link #open} is worth calling
   */
  public static boolean recognises(Path path) {
    return isWeights(path) || contains(path, WEIGHTS) || contains(path, INDEX);
  }

  private static boolean isWeights(Path path) {
    return path.toString().endsWith(SUFFIX) && Files.isRegularFile(path);
  }

  private static boolean contains(Path path, String name) {
    return Files.exists(path.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Opens a checkpoint.
   *
   * @param path a folder, or a weights file in one
   * @param digesting when its bytes are read for the digest
   * @return the checkpoint
   * @throws CheckpointException when it is damaged, incomplete or unreadable
   */
  public static Checkpoint open(Path path, Digesting digesting) {
    MappedFolder folder = new MappedFolder(folderOf(path));
    boolean opened = false;
    try {
      Checkpoint checkpoint = new SafetensorsFolder(folder).checkpoint(path, digesting);
      opened = true;
      return checkpoint;
    } catch (InternalError e) {
      throw new CheckpointException("a file of " + path + " was cut short while it was read", e);
    } finally {
      if (!opened) {
        folder.close();
      }
    }
  }

  private static Path folderOf(Path path) {
    if (Files.isDirectory(path)) {
      return path;
    }
    if (!Files.exists(path)) {
      throw new CheckpointException(
          path + " is not there; a checkpoint is a folder or a file in one");
    }
    if (!isWeights(path)) {
      throw new CheckpointException(
          "%s is no safetensors checkpoint: that is a folder with %s or %s, or a file named *%s"
              .formatted(path, WEIGHTS, INDEX, SUFFIX));
    }
    if (SHARD.matcher(path.toString()).matches()) {
      throw new CheckpointException(path + " is one shard of several; open the folder it is in");
    }
    return Optional.ofNullable(path.toAbsolutePath().getParent()).orElse(path);
  }

  private Checkpoint checkpoint(Path path, Digesting digesting) {
    Map<String, Object> config = config();
    Map<String, Supplier<String>> texts = texts();
    List<SafetensorsFile> weights = Files.isDirectory(path) ? weights() : List.of(single(path));
    weights.forEach(shard -> parts.add(new Part("weights", shard.file())));
    Supplier<ArtefactDigest> digest = digesting.of(parts);
    Optional<TextPart> part = TextPart.of(config);
    Packing packing = Packing.of(folder.path().resolve(CONFIG).toString(), config);
    return new MappedCheckpoint(
        path.toString(),
        FORMAT,
        folder,
        digest,
        packing.unpacked(part.map(TextPart::config).orElse(config)),
        new TensorTable(
            path.toString(), packing.unpacked(path, tensors(path, weights, names(config, part)))),
        texts);
  }

  /** What a model's tensors are called, by what the files call them; some are left out. */
  private static Function<String, Optional<String>> names(
      Map<String, Object> config, Optional<TextPart> part) {
    if (part.isPresent()) {
      return part.get()::name;
    }
    return MixerNames.in(config) ? stored -> Optional.of(MixerNames.usual(stored)) : Optional::of;
  }

  private Map<String, Object> config() {
    MappedFile file = folder.require(CONFIG).upTo(MOST_CONFIG);
    parts.add(new Part("config", file));
    return JsonCursor.read(file.toString(), file.bytes(), JsonCursor::tree);
  }

  private Map<String, Supplier<String>> texts() {
    Map<String, Supplier<String>> texts = new LinkedHashMap<>();
    for (String name : TEXTS) {
      folder
          .find(name)
          .ifPresent(file -> {
            Utf8.require(file.toString(), file.upTo(MOST_TEXT).bytes());
            parts.add(new Part(name, file));
            texts.put(name, () -> Utf8.text(file.bytes()));
          });
    }
    return texts;
  }

  private List<SafetensorsFile> weights() {
    if (folder.contains(WEIGHTS)) {
      return List.of(single(folder.path().resolve(WEIGHTS)));
    }
    if (folder.contains(INDEX)) {
      ShardIndex index = ShardIndex.read(folder.require(INDEX));
      parts.add(new Part("index", index.file()));
      return index.shards(folder);
    }
    throw folder.missing(List.of(WEIGHTS, INDEX));
  }

  private SafetensorsFile single(Path file) {
    return SafetensorsFile.read(folder.map(file));
  }

  private static SortedMap<String, RawTensor> tensors(
      Path path, List<SafetensorsFile> weights, Function<String, Optional<String>> names) {
    SortedMap<String, RawTensor> tensors = new TreeMap<>();
    for (SafetensorsFile file : weights) {
      file.tensors()
          .forEach((stored, entry) ->
              names
                  .apply(stored)
                  .ifPresent(name -> {
                    if (tensors.put(name, new RawTensor(file, entry, name)) != null) {
                      throw new CheckpointException(
                          "%s has two tensors that stand for '%s', one of them '%s'"
                              .formatted(path, name, stored));
                    }
                  }));
    }
    return tensors;
  }
}
