package dev.serval.api.storage;

import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;

/**
 * A model as it lies in storage, opened: its configuration, its tensors and the small files beside
 * them. A reader has checked all of it but the numbers, so what a checkpoint hands out is
 * consistent.
 *
 * <p>Whatever the format, names and configuration are given in Hugging Face's vocabulary ({@code
 * model.layers.0.self_attn.q_proj.weight}, {@code num_hidden_layers}), so a model family is written
 * once for all formats. Of a model that takes other input than texts as well, a reader may give the
 * part for texts alone, as that of a model of its own.
 *
 * <p>Immutable and usable from any thread until it is closed; afterwards {@link #tensor} and {@link
 * #text} are an {@link IllegalStateException}. Tensors are views into mapped files and die with the
 * checkpoint: whoever loads a model from it closes it after the model. The files must not be
 * changed meanwhile; reading from one that was cut short is an {@link InternalError} of the JVM.
 */
public interface Checkpoint extends AutoCloseable {
  /**
   * Where it was opened.
   *
   * @return the place as it was given
   */
  String root();

  /**
   * The format it is stored in.
   *
   * @return the format's name, such as {@code safetensors}
   */
  String format();

  /**
   * The bytes it consists of.
   *
   * @return the digest over weights, configuration and tokenizer
   */
  ArtefactDigest digest();

  /**
   * The model's configuration, as {@code config.json} has it.
   *
   * @return an unmodifiable tree of {@code Map<String, Object>}, {@code List<Object>}, {@code
   *     String}, {@code Long}, {@code Double} and {@code Boolean}; a JSON null is left out, of
   *     lists too, and a whole number beyond a {@code Long} is a {@code Double}
   */
  Map<String, Object> config();

  /**
   * The tensors there are, those of a type that Serval cannot compute with among them.
   *
   * @return their names, unmodifiable
   */
  SortedSet<String> tensorNames();

  /**
   * One tensor.
   *
   * @param name its name
   * @return the tensor, a view into the mapped file
   * @throws CheckpointException when there is none of that name, naming those most like it, or when
   *     it is stored in a type that is no {@link dev.serval.api.compute.DType}, naming file and
   *     type
   */
  StoredTensor tensor(String name);

  /**
   * A small text file that belongs to the model.
   *
   * @param name {@code tokenizer.json}, {@code tokenizer_config.json}, {@code
   *     generation_config.json}, {@code chat_template.jinja} or {@code chat_template.json}
   * @return its text; empty if the checkpoint has none of that name
   */
  Optional<String> text(String name);

  /**
   * Lets go of what of the files lies in this process's memory, for instance once a model's weights
   * were taken over in another layout. Nothing changes but cost: whoever reads a tensor afterwards
   * has it read from the file again. Does nothing where there is no such thing.
   */
  default void release() {}

  /** Unmaps the files. Tensors must not be used afterwards. Closing again does nothing. */
  @Override
  void close();
}
