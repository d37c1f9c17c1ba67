package dev.serval.models.text;

import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * How a tokenizer turns tokens back into text: the field {@code decoder} of its file, as stages
 * that work on a sequence while it grows.
 *
 * <p>Stages before {@code Fuse} see one token at a time, those after it the text as a whole. A
 * decoder that cannot be had in this form is refused when the file is read.
 *
 * @param stages what applies to tokens wherever they stand
 * @param edges what applies to the ends of a text, after {@code stages}
 */
record DecoderProgram(List<Supplier<DecoderStage>> stages, List<Supplier<DecoderStage>> edges) {
  /** Copies the lists. */
  DecoderProgram {
    stages = List.copyOf(stages);
    edges = List.copyOf(edges);
  }

  static DecoderProgram read(JsonFile file) {
    return new DecoderProgramReader(file).read();
  }

  /** For one sequence, from its start. */
  DecoderStage start() {
    return chain(Stream.concat(stages.stream(), edges.stream()));
  }

  /** For tokens out of the middle of a sequence: what applies to the ends of a text is left out. */
  DecoderStage middle() {
    return chain(stages.stream());
  }

  private static DecoderStage chain(Stream<Supplier<DecoderStage>> stages) {
    return DecoderStage.chain(stages.map(Supplier::get).toList());
  }
}
