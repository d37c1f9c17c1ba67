/** How an application gets a {@link dev.serval.api.ServingRuntime}. */
package dev.serval.runtime;
