/** What goes wrong over HTTP, in the shape of the OpenAI API. */
package dev.serval.server.errors;
