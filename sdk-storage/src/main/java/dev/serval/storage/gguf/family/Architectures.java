package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The architectures that are translated; each family says which are its. */
public final class Architectures {
  private static final List<Architecture> ALL =
      Stream.of(
              Classics.ALL,
              Cohere.ALL,
              DeepSeek.ALL,
              Ernie.ALL,
              Exaone.ALL,
              Falcon.ALL,
              Gemma.ALL,
              Gemma3n.ALL,
              Gemma4.ALL,
              Glm.ALL,
              GptOss.ALL,
              Granite.ALL,
              Hunyuan.ALL,
              Lfm2.ALL,
              Ling.ALL,
              Llama.ALL,
              Llama4.ALL,
              Mellum.ALL,
              MiniCpm.ALL,
              MiniMax.ALL,
              Nemotron.ALL,
              Olmo.ALL,
              Phi.ALL,
              Plm.ALL,
              Qwen.ALL,
              QwenLinear.ALL,
              Trinity.ALL)
          .flatMap(Collection::stream)
          .sorted(Comparator.comparing(Architectures::lettersAndDigits))
          .toList();

  private Architectures() {}

  private static String lettersAndDigits(Architecture architecture) {
    return architecture.key().replaceAll("[-_]", "");
  }

  /** The one of a name. */
  public static Optional<Architecture> named(String name) {
    return ALL.stream().filter(one -> one.key().equals(name)).findFirst();
  }

  /** The names of all, as a list is read. */
  public static String names() {
    return ALL.stream().map(Architecture::key).collect(Collectors.joining(", "));
  }
}
