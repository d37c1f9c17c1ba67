package dev.serval.storage.gguf.architecture;

import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/**
 * All that is said of an architecture, and so all in which architectures differ. What a {@link
 * Description} does not say is as in most.
 *
 * @param key what its keys begin with, and its name in files
 * @param model what Hugging Face lists in {@code architectures}
 * @param modelType what Hugging Face calls {@code model_type}
 * @param layers what the names of tensors within layers begin with there, before the layer's number
 * @param ownNames the names of tensors, by this format's, that are this architecture's own: within
 *     a layer, or the whole name of one outside; without {@code .weight} or {@code .bias}, unless
 *     this format has neither
 * @param expertNames what each expert's part of a layer's tensor, by this format's name, is called
 *     there, without {@code .weight} or {@code .bias}, a {@code %d} in place of its number
 * @param translated the keys that it translates, of those that change results
 * @param positions what positions turn
 * @param positionsOfSeveralKinds whether texts have the same position in every kind
 * @param activation what feed-forward layers apply to gates, or in place of them
 * @param epsilonKey which key says what norms add
 * @param epsilonField which field says so
 * @param saysBiases whether the usual fields say which maps have biases
 * @param keyHeads how many heads of keys and values a layer has
 * @param width how wide feed-forward layers are
 * @param window the step that translates what is said of a window
 * @param experts the step that does of experts
 * @param own the step that does of what only this architecture has
 */
public record Architecture(
    String key,
    String model,
    String modelType,
    String layers,
    Map<String, String> ownNames,
    Map<String, String> expertNames,
    Set<String> translated,
    Positions positions,
    boolean positionsOfSeveralKinds,
    String activation,
    String epsilonKey,
    String epsilonField,
    boolean saysBiases,
    ToLongFunction<StoredModel> keyHeads,
    ToLongFunction<StoredModel> width,
    Step window,
    Step experts,
    Step own) {}
