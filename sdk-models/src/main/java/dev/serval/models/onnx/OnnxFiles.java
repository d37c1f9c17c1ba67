package dev.serval.models.onnx;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The files of an embedding model.
 *
 * @param root where they lie, as it was given
 * @param model the graph and its weights
 * @param tokenizer describes the tokenizer
 */
record OnnxFiles(Path root, Path model, Path tokenizer) {
  private static final String SUFFIX = ".onnx";
  private static final List<String> OTHERS =
      List.of("config.json", "sentence_bert_config.json", "modules.json", "1_Pooling/config.json");

  /** The graph at a path, which is its file or a folder that has one, at most one level down. */
  static List<Path> models(Path path) {
    if (Files.isRegularFile(path)) {
      return path.toString().endsWith(SUFFIX) ? List.of(path) : List.of();
    }
    List<Path> found = new ArrayList<>(modelsIn(path));
    return found.isEmpty() ? modelsIn(path.resolve("onnx")) : found;
  }

  private static List<Path> modelsIn(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all = files.filter(file -> file.toString().endsWith(SUFFIX)).sorted().toList();
      List<Path> usual = all.stream().filter(file -> file.endsWith("model" + SUFFIX)).toList();
      return usual.isEmpty() ? all : usual;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Finds the files, or says which is missing. */
  static OnnxFiles at(Path path) {
    List<Path> models = models(path);
    if (models.size() != 1) {
      throw new CheckpointException(
          models.isEmpty()
              ? path + " has no model: there is no .onnx file in it nor in its folder onnx"
              : "%s has several models, none of them model.onnx: give the path of one of %s"
                  .formatted(path, models.stream().map(Path::getFileName).toList()));
    }
    Path model = models.getFirst();
    return new OnnxFiles(path, model, tokenizer(path, model));
  }

  private static Path tokenizer(Path path, Path model) {
    String name = model.getFileName().toString();
    String own = name.substring(0, name.length() - SUFFIX.length()) + "-tokenizer.json";
    List<Path> places =
        Stream.of(model.resolveSibling(own), model.resolveSibling("tokenizer.json"), beside(path))
            .distinct()
            .toList();
    return places.stream()
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(() ->
            new CheckpointException(path + " has no tokenizer; it is looked for at " + places));
  }

  private static Path beside(Path path) {
    return path.resolve("tokenizer.json");
  }

  /** A file beside, if there is one. */
  Optional<String> text(String name) {
    Path file = folder().resolve(name);
    return Files.isRegularFile(file) ? Optional.of(read(file)) : Optional.empty();
  }

  /** The tokenizer's description. */
  String tokenizerText() {
    return read(tokenizer);
  }

  private Path folder() {
    return Files.isDirectory(root) ? root : root.toAbsolutePath().resolveSibling("");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new CheckpointException("%s cannot be read: %s".formatted(file, e), e);
    }
  }

  /** SHA-256 over what each file that matters is for, its size and its bytes. */
  ArtefactDigest digest() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      update(digest, "graph", model);
      update(digest, "tokenizer.json", tokenizer);
      for (String name : OTHERS) {
        if (Files.isRegularFile(folder().resolve(name))) {
          update(digest, name, folder().resolve(name));
        }
      }
      return ArtefactDigest.of(digest.digest());
    } catch (IOException e) {
      throw new CheckpointException("%s cannot be read: %s".formatted(root, e), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static void update(MessageDigest digest, String tag, Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      digest.update((tag + "\0" + channel.size() + "\0").getBytes(UTF_8));
      digest.update(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()));
    }
  }
}
