package dev.serval.models.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.serval.api.ConfigurationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The machine code of Hugging Face's tokenizers, which lies in DJL's archive. It is unpacked into
 * the first folder that takes it, loaded, and removed again: nothing is fetched, kept or printed.
 * DJL's own loader is passed by, since that one calls a server and, where it finds a GPU, fetches
 * another library.
 */
final class NativeLibrary {
  private static final Optional<String> PROBLEM =
      load(
          platform(System.getProperty("os.name", ""), System.getProperty("os.arch", "")),
          List.of(
              Path.of(System.getProperty("java.io.tmpdir", "/tmp")),
              Path.of(System.getProperty("user.home", "."))));

  private NativeLibrary() {}

  /** Makes sure that it is there, once for the whole process. */
  static TokenizersLibrary open() {
    if (PROBLEM.isPresent()) {
      throw new ConfigurationException(List.of("tokenizer: " + PROBLEM.get()));
    }
    return TokenizersLibrary.LIB;
  }

  /** Tries the folders in turn; says why none would do, or nothing. */
  static Optional<String> load(String platform, List<Path> folders) {
    List<String> problems = new ArrayList<>();
    for (Path folder : folders) {
      try {
        load(platform, folder);
        return Optional.empty();
      } catch (IOException | UnsatisfiedLinkError e) {
        problems.add(folder + " (" + e + ")");
      }
    }
    return Optional.of(
        "its native library for %s could not be unpacked and loaded in %s"
            .formatted(platform, String.join(", nor in ", problems)));
  }

  /** A platform as DJL's archive names it. */
  static String platform(String system, String processor) {
    String name = system.toLowerCase(Locale.ROOT);
    String prefix = name.startsWith("win") ? "win" : name.startsWith("mac") ? "osx" : "linux";
    return prefix + "-" + (processor.equals("amd64") ? "x86_64" : processor);
  }

  private static void load(String platform, Path folder) throws IOException {
    Path unpacked = Files.createTempDirectory(folder, "serval-tokenizers-");
    List<Path> libraries = new ArrayList<>();
    try {
      for (String name : names(platform)) {
        Path library = unpacked.resolve(name);
        libraries.add(library);
        unpack("/native/lib/" + platform + "/cpu/" + name, library);
        System.load(library.toAbsolutePath().toString());
      }
    } finally {
      libraries.forEach(library -> library.toFile().delete());
      unpacked.toFile().delete();
    }
  }

  private static void unpack(String resource, Path target) throws IOException {
    try (InputStream in = TokenizersLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IOException("DJL's archive has no " + resource);
      }
      Files.copy(in, target);
    }
  }

  private static List<String> names(String platform) {
    String own = System.mapLibraryName("tokenizers");
    return platform.startsWith("win")
        ? List.of("libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", own)
        : List.of(own);
  }
}
