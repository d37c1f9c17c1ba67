/**
 * What a model is: a {@link dev.serval.api.model.ModelFamily} makes a {@link
 * dev.serval.api.model.ModelExecutor} of a checkpoint, and a {@link dev.serval.api.model.TextCodec}
 * turns text into tokens and back.
 */
package dev.serval.api.model;
