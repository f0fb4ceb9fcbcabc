// Package analyzer drives the line from frames to findings: a Source fills
// batches of segments, a flows.Table follows the connections, a classify.Judge
// finds the cause of each reset, and Sinks write what was found.
//
// analyzer.go has the types that meet here, pipeline.go what drives them:
// one goroutine reads and decodes, another does all the rest.
package analyzer
