resource "aws_s3_bucket" "weights" {
  bucket = "plant-finder-weights"
}

resource "aws_s3_bucket_acl" "weights" {
  bucket = aws_s3_bucket.weights.id
  acl    = "public-read"
}
