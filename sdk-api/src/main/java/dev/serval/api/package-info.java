/**
 * The runtime as an application sees it: a {@link dev.serval.api.ServingRuntime} takes a {@link
 * dev.serval.api.GenerationRequest} and answers with a {@link dev.serval.api.Generation}.
 */
package dev.serval.api;
