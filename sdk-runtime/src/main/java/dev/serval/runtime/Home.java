package dev.serval.runtime;

/**
 * Where a model runs, with all that it has there.
 *
 * @param placed its place
 * @param computing what computes it
 * @param parts what is closed when it leaves
 */
record Home(LoadedModel.Placed placed, LoadedModel.Computing computing, OpenedParts parts) {}
