# Installing: written with the consumer test.
