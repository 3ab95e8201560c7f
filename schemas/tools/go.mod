module github.com/parley-im/parley/schemas/tools

go 1.26.0

tool (
	github.com/cloudwego/kitex/tool/cmd/kitex
	github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto
	google.golang.org/protobuf/cmd/protoc-gen-go
)

require (
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/cloudwego/gopkg v0.1.8 // indirect
	github.com/cloudwego/kitex v0.16.1 // indirect
	github.com/cloudwego/prutal v0.1.3 // indirect
	github.com/cloudwego/thriftgo v0.4.3 // indirect
	github.com/dlclark/regexp2 v1.11.0 // indirect
	github.com/planetscale/vtprotobuf v0.6.1-0.20250313105119-ba97887b0a25 // indirect
	golang.org/x/text v0.14.0 // indirect
	golang.org/x/tools v0.6.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
