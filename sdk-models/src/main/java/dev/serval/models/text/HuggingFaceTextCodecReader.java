package dev.serval.models.text;

import dev.serval.api.model.ChatTemplate;
import dev.serval.api.model.ReasoningFormat;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.model.Tokenizer;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import java.time.Clock;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Reads what a Hugging Face folder says about text: {@code tokenizer.json}, {@code
 * tokenizer_config.json}, {@code generation_config.json} and {@code chat_template.jinja}. Needs no
 * network and leaves no file behind.
 */
public final class HuggingFaceTextCodecReader implements TextCodecReader {
  private static final String FILE = "tokenizer.json";

  private final Clock clock;

  /** With the system's clock and time zone for templates that print today's date. */
  public HuggingFaceTextCodecReader() {
    this(Clock.system(ZoneId.systemDefault()));
  }

  /**
   * With a clock of one's own.
   *
   * @param clock what templates that print today's date go by
   */
  public HuggingFaceTextCodecReader(Clock clock) {
    this.clock = clock;
  }

  /**
   * {@inheritDoc}
   *
   * @throws CheckpointException when a file is missing or damaged, or asks for what is not
   *     supported, naming it
   */
  @Override
  public TextCodec read(Checkpoint checkpoint) {
    Optional<JsonFile> config = JsonFile.optional(checkpoint, "tokenizer_config.json");
    SpecialTokens special = SpecialTokens.read(config);
    Optional<ChatTemplate> template = ChatTemplateFile.read(checkpoint, config, special, clock);
    String json = required(checkpoint);
    JsonFile file = JsonFile.tokenizer(checkpoint.root(), FILE, json);
    Vocabulary vocabulary = Vocabulary.read(file);
    Optional<ReasoningFormat> reasoning =
        HarmonyChannels.in(vocabulary).or(() -> ThoughtTags.in(vocabulary));
    Facts facts = new Facts(checkpoint, config, special, vocabulary);
    return new TextCodec(tokenizer(file, json, facts), template, reasoning);
  }

  /** What the files beside the tokenizer say of it. */
  private record Facts(
      Checkpoint checkpoint,
      Optional<JsonFile> config,
      SpecialTokens special,
      Vocabulary vocabulary) {
    SequenceEnds ends() {
      Stream<JsonFile> generation =
          JsonFile.optional(checkpoint, "generation_config.json").stream();
      List<JsonFile> files = Stream.concat(generation, Stream.of(model())).toList();
      return SequenceEnds.read(files, special, vocabulary);
    }

    Optional<SequenceFrame> frame() {
      return config.flatMap(file -> SequenceFrame.read(file, special, vocabulary));
    }

    /** How many ids the model knows. */
    int ids() {
      return model().root().path("vocab_size").intValue(0);
    }

    private JsonFile model() {
      return JsonFile.of(checkpoint, "config.json", checkpoint.config());
    }
  }

  private static Tokenizer tokenizer(JsonFile file, String json, Facts facts) {
    DecoderProgram decoder = DecoderProgram.read(file);
    Optional<SequenceFrame> frame = facts.frame();
    SequenceEnds ends = facts.ends();
    int ids = facts.ids();
    NativeTokenizer encoder = NativeTokenizer.open(file, json);
    return new CheckpointTokenizer(encoder, facts.vocabulary, decoder, frame, ends, ids);
  }

  private static String required(Checkpoint checkpoint) {
    return checkpoint
        .text(FILE)
        .orElseThrow(() ->
            new CheckpointException(
                "%s has no %s, without which its text cannot be read"
                    .formatted(checkpoint.root(), FILE)));
  }
}
