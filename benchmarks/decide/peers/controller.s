// Empty: its presence lets the functions of controller.go be declared without a body.
